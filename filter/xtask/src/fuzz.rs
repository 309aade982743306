//! `cargo xtask fuzz`: the fuzz targets of `tests/fuzz`, with libFuzzer and the stable compiler.
//!
//! The flags are those of `cargo fuzz build --sanitizer none`. Engine and targets are safe Rust but
//! for one allocator that counts, so a sanitizer would have nothing to check.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;

use anyhow::{Context, bail};
use clap::Args;

use crate::workspace::Workspace;
use crate::{corpus, process, toolchain};

const FOLDER: &str = "tests/fuzz";

const FLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Cllvm-args=-simplifycfg-branch-fold-threshold=0",
    "--cfg",
    "fuzzing",
];

/// Time limit for one input in seconds, to stop endless loops. (Targets check their effort by
/// counting bytes.)
const TIMEOUT: u32 = 10;
/// Memory limit of one target in MiB.
const MEMORY: u32 = 2048;
/// Longest input in bytes: longer ones find nothing more and cost time.
const LONGEST: u32 = 8192;
/// Longest input that is kept in the corpus, in bytes.
const LONGEST_KEPT: u32 = 1024;
/// Size of the stack in KiB, that of a wasm module. No input may need more.
const STACK: u32 = 1024;
/// Number of lines of output that a failure shows.
const TAIL: usize = 30;

/// Options of `cargo xtask fuzz`.
#[derive(Args)]
pub(crate) struct Options {
    /// The targets; all of them when none is named
    targets: Vec<String>,
    /// Seconds for each
    #[arg(long, default_value_t = 30)]
    seconds: u32,
    /// Afterwards, keep the fewest inputs that reach everything, in tests/fuzz/corpus
    #[arg(long)]
    keep: bool,
}

/// Builds the targets and runs the selected ones.
///
/// # Errors
/// There is no such target, the compiler fails, or a target finds a failure: its report is on the
/// terminal, its input in a file.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    let all = targets(workspace)?;
    if let Some(unknown) = options.targets.iter().find(|name| !all.contains(name)) {
        bail!(
            "there is no fuzz target `{unknown}`; there are {}",
            all.join(", ")
        );
    }
    let chosen = if options.targets.is_empty() {
        &all
    } else {
        &options.targets
    };
    let programs = build(workspace, Build::Fuzz)?;
    each(chosen, |target| {
        fuzz(workspace, &programs, target, options.seconds)
    })?;
    if options.keep {
        each(chosen, |target| keep(workspace, &programs, target))?;
    }
    Ok(())
}

/// Runs each target once with each input of its kept corpus and with no other, so that the result
/// depends on the code only. Returns the number of targets.
///
/// # Errors
/// As [`run`].
pub(crate) fn replay(workspace: &Workspace) -> anyhow::Result<u64> {
    let all = targets(workspace)?;
    let programs = build(workspace, Build::Replay)?;
    each(&all, |target| replay_target(workspace, &programs, target))?;
    Ok(u64::try_from(all.len())?)
}

fn replay_target(workspace: &Workspace, programs: &Path, target: &str) -> anyhow::Result<()> {
    let known = workspace.path(FOLDER).join("target/known").join(target);
    corpus::unpack(&kept(workspace, target), &known)?;
    let mut inputs: Vec<_> = fs::read_dir(&known)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    inputs.sort();
    let mut command = limited(workspace, &programs.join(target));
    command.args([
        format!("-timeout={TIMEOUT}"),
        format!("-rss_limit_mb={MEMORY}"),
    ]);
    let log = run_logged(workspace, target, command.args(&inputs))?;
    let executed = log.matches("Executed ").count();
    if executed != inputs.len() {
        bail!("{executed} of {} inputs were run", inputs.len());
    }
    eprintln!("fuzz target {target}: {executed} inputs");
    Ok(())
}

/// Returns the names of all targets: each is a file.
fn targets(workspace: &Workspace) -> anyhow::Result<Vec<String>> {
    let folder = workspace.path(FOLDER).join("fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder)
        .with_context(|| format!("cannot read `{}`", workspace.short(&folder)))?
    {
        let path = entry?.path();
        names.extend(
            path.file_stem()
                .map(|name| name.to_string_lossy().into_owned()),
        );
    }
    names.sort();
    Ok(names)
}

/// How the targets are built.
#[derive(Clone, Copy)]
enum Build {
    /// With coverage, which libFuzzer needs to make up inputs, and fast.
    Fuzz,
    /// Without coverage, quickly compiled.
    Replay,
}

/// Builds all targets and returns the folder of their programs.
fn build(workspace: &Workspace, how: Build) -> anyhow::Result<PathBuf> {
    if !process::works(workspace.command("c++").arg("--version")) {
        bail!(
            "libFuzzer needs a C++ compiler: install one so that `c++` starts it (Debian, Ubuntu: the package `g++`)"
        );
    }
    let host = toolchain::host(workspace)?;
    let target = workspace.path(FOLDER).join("target");
    let (profile, mut flags) = match how {
        Build::Fuzz => ("release", FLAGS.join(" ")),
        Build::Replay => ("replay", "--cfg fuzzing".to_owned()),
    };
    if matches!(how, Build::Fuzz) && host.contains("-linux-") {
        flags.push_str(" -Cllvm-args=-sanitizer-coverage-stack-depth");
    }
    let manifest = format!("{FOLDER}/Cargo.toml");
    // With `--target`, build scripts and macros are built without the flags.
    let mut cargo = workspace.cargo(&[
        "build",
        "--manifest-path",
        &manifest,
        "--locked",
        "--profile",
        profile,
        "--bins",
        "--target",
        &host,
    ]);
    process::run(
        cargo
            .env("CARGO_TARGET_DIR", &target)
            .env("RUSTFLAGS", flags),
    )?;
    Ok(target.join(host).join(profile))
}

/// Runs `work` for each target, as many at a time as there are cores. A failure does not stop the
/// others.
fn each(
    targets: &[String],
    work: impl Fn(&str) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    let left = Mutex::new(targets.iter());
    let failed = Mutex::new(Vec::new());
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    thread::scope(|scope| {
        for _ in 0..cores.min(targets.len()) {
            scope.spawn(|| {
                loop {
                    let next = left.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(target) = next else { return };
                    if let Err(error) = work(target) {
                        failed
                            .lock()
                            .unwrap_or_else(PoisonError::into_inner)
                            .push(format!("{target}: {error:#}"));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    if failed.is_empty() {
        Ok(())
    } else {
        bail!("fuzz targets failed\n{}", failed.join("\n"))
    }
}

fn fuzz(workspace: &Workspace, programs: &Path, target: &str, seconds: u32) -> anyhow::Result<()> {
    let folder = workspace.path(FOLDER);
    let [found, known, artifacts] =
        ["target/corpus", "target/known", "artifacts"].map(|name| folder.join(name).join(target));
    for folder in [&found, &artifacts] {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create `{}`", workspace.short(folder)))?;
    }
    corpus::unpack(&kept(workspace, target), &known)?;
    let program = programs.join(target);
    let mut command = limited(workspace, &program);
    command.args([
        format!("-max_total_time={seconds}"),
        format!("-timeout={TIMEOUT}"),
        format!("-rss_limit_mb={MEMORY}"),
        format!("-max_len={LONGEST}"),
        "-print_final_stats=1".to_owned(),
        format!("-artifact_prefix={}/", artifacts.display()),
    ]);
    let dictionary = folder.join("dictionaries").join(target);
    if dictionary.exists() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    // libFuzzer writes new inputs to the first folder.
    command.args([&found, &known]);
    let log = run_logged(workspace, target, &mut command)?;
    let stat = |name: &str| {
        log.lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            .map(str::trim)
    };
    let runs = stat("stat::number_of_executed_units").unwrap_or("no");
    let new = stat("stat::new_units_added").unwrap_or("no");
    eprintln!("fuzz target {target}: {runs} inputs, {new} of them new");
    Ok(())
}

/// Replaces the corpus of a target by a minimal one with the coverage of the old one and the new
/// inputs.
fn keep(workspace: &Workspace, programs: &Path, target: &str) -> anyhow::Result<()> {
    let folder = workspace.path(FOLDER);
    let [found, known, fewest] = ["target/corpus", "target/known", "target/fewest"]
        .map(|name| folder.join(name).join(target));
    corpus::unpack(&kept(workspace, target), &known)?;
    if fewest.exists() {
        fs::remove_dir_all(&fewest).context("cannot remove what was kept before")?;
    }
    fs::create_dir_all(&fewest).context("cannot create a folder for the inputs")?;
    let mut command = limited(workspace, &programs.join(target));
    // Only coverage matters, not how often code is reached.
    command.args([
        "-set_cover_merge=1".to_owned(),
        "-use_counters=0".to_owned(),
    ]);
    command.args([
        format!("-max_len={LONGEST_KEPT}"),
        format!("-timeout={TIMEOUT}"),
    ]);
    command.args([&fewest, &known, &found]);
    run_logged(workspace, target, &mut command)?;
    corpus::pack(&fewest, &kept(workspace, target))
}

/// Returns the file of a target's corpus.
fn kept(workspace: &Workspace, target: &str) -> PathBuf {
    workspace
        .path(FOLDER)
        .join("corpus")
        .join(target)
        .with_extension("txt")
}

/// Returns a command that runs a target with a small stack.
fn limited(workspace: &Workspace, program: &Path) -> Command {
    let mut command = workspace.command("sh");
    command
        .arg("-c")
        .arg(format!("ulimit -s {STACK} && exec \"$0\" \"$@\""))
        .arg(program);
    command
}

/// Runs a target with its output in a file, and returns the output.
fn run_logged(
    workspace: &Workspace,
    target: &str,
    command: &mut Command,
) -> anyhow::Result<String> {
    let path = workspace.path(FOLDER).join(format!("target/{target}.log"));
    let log = File::create(&path)
        .with_context(|| format!("cannot write `{}`", workspace.short(&path)))?;
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .status()
        .context("cannot start `sh`")?;
    let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
    if !status.success() {
        let lines: Vec<_> = text.lines().collect();
        let tail = lines
            .get(lines.len().saturating_sub(TAIL)..)
            .unwrap_or_default()
            .join("\n");
        bail!("{status}\n{tail}\nall of it: {}", workspace.short(&path));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Returns the versions in a lock file by name and major version of the package.
    fn versions(lock: &str) -> BTreeMap<(String, String), String> {
        let mut versions = BTreeMap::new();
        let value = |line: &str| line.split('"').nth(1).unwrap_or_default().to_owned();
        let mut name = String::new();
        for line in lock.lines() {
            if line.starts_with("name = ") {
                name = value(line);
            } else if line.starts_with("version = ") && !name.is_empty() {
                let version = value(line);
                let major = version.split('.').next().unwrap_or_default();
                let generation = if major == "0" {
                    version.split('.').take(2).collect::<Vec<_>>().join(".")
                } else {
                    major.to_owned()
                };
                versions.insert((std::mem::take(&mut name), generation), version);
            }
        }
        versions
    }

    #[test]
    fn what_is_fuzzed_is_built_of_the_versions_that_ship() {
        let workspace = Workspace::find().unwrap();
        let read = |path: &str| versions(&fs::read_to_string(workspace.path(path)).unwrap());
        let (ours, fuzzed) = (read("Cargo.lock"), read("tests/fuzz/Cargo.lock"));
        assert!(fuzzed.len() > 50);
        for (package, version) in &fuzzed {
            if let Some(shipped) = ours.get(package) {
                assert_eq!(
                    version, shipped,
                    "{package:?}: copy Cargo.lock to tests/fuzz and build again"
                );
            }
        }
    }

    #[test]
    fn every_target_is_a_program_and_has_inputs() {
        let workspace = Workspace::find().unwrap();
        let manifest = fs::read_to_string(workspace.path("tests/fuzz/Cargo.toml")).unwrap();
        let names = targets(&workspace).unwrap();
        assert_eq!(manifest.matches("[[bin]]").count(), names.len());
        for name in names {
            assert!(
                manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")),
                "{name}"
            );
            assert!(
                fs::read_to_string(kept(&workspace, &name))
                    .is_ok_and(|inputs| inputs.lines().count() > 3),
                "{name}"
            );
        }
    }
}
