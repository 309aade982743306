//! `cargo xtask build`: builds the artefacts, modules and native binary.

use std::fs;
use std::path::Path;

use anyhow::Context;
use clap::Args;

use crate::helper;
use crate::module::{self, Finished, Variant};
use crate::process;
use crate::toolchain;
use crate::tools;
use crate::workspace::{EMBEDDED, PAGE, Workspace};

/// How our own is made: its package is a library of Rust too, and LTO is for one kind at a time.
const OURS: &[&str] = &["rustc", "--lib", "--crate-type=cdylib"];
const LIBRARY: &str = "registry_auth_filter.wasm";
/// The module as it ships, in `target`.
const MODULE: &str = "registry-auth.wasm";
/// The same for hosts that call every callback.
const FULL: &str = "registry-auth-full.wasm";

/// Options of `cargo xtask build`; without any, all artefacts are built.
#[derive(Args)]
pub(crate) struct Options {
    /// Build only target/registry-auth.wasm and target/registry-auth-full.wasm
    #[arg(long)]
    module: bool,
    /// Build only target/release/registry-auth and target/helper/docker-credential-registry-auth
    #[arg(long)]
    native: bool,
}

/// Builds the artefacts that `options` select.
///
/// # Errors
/// The compiler fails (its output is on the terminal), or the module is too large or invalid.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    let all = options.module == options.native;
    if all || options.module {
        build_module(workspace)?;
    }
    if all || options.native {
        build_native(workspace)?;
    }
    Ok(())
}

/// Builds all artefacts.
///
/// # Errors
/// As [`run`].
pub(crate) fn all(workspace: &Workspace) -> anyhow::Result<()> {
    build_module(workspace)?;
    build_native(workspace)
}

/// Builds target/registry-auth.wasm and target/registry-auth-full.wasm.
///
/// # Errors
/// As [`run`].
pub(crate) fn build_module(workspace: &Workspace) -> anyhow::Result<()> {
    let linked = linked(workspace, OURS, LIBRARY)?;
    for (variant, file) in [(Variant::Full, FULL), (Variant::Small, MODULE)] {
        let finished = finished(workspace, &linked, variant)?;
        module::check_size(finished.bytes.len())?;
        let path = workspace.target(file);
        replace(&path, &finished.bytes)
            .with_context(|| format!("cannot write `{}`", workspace.short(&path)))?;
        report(&workspace.short(&path).to_string(), linked.len(), &finished);
    }
    Ok(())
}

/// Builds the empty filter in the same way as ours, for the benchmark.
///
/// # Errors
/// As [`run`].
pub(crate) fn empty_module(workspace: &Workspace, path: &Path) -> anyhow::Result<()> {
    let linked = linked(
        workspace,
        &["build", "--example", "empty"],
        "examples/empty.wasm",
    )?;
    let finished = finished(workspace, &linked, Variant::Small)?;
    replace(path, &finished.bytes)
        .with_context(|| format!("cannot write `{}`", workspace.short(path)))
}

/// Builds our module with the names of its functions and without wasm-opt, for a profile.
///
/// # Errors
/// As [`run`].
pub(crate) fn named_module(workspace: &Workspace, path: &Path) -> anyhow::Result<()> {
    let finished = module::finish_with_names(&linked(workspace, OURS, LIBRARY)?)?;
    replace(path, &finished.bytes)
        .with_context(|| format!("cannot write `{}`", workspace.short(path)))
}

/// Finishes a module of the filter's package.
fn finished(workspace: &Workspace, linked: &[u8], variant: Variant) -> anyhow::Result<Finished> {
    let pruned = module::finish(linked, variant)?;
    module::finish(&shrink(workspace, &pruned)?, variant)
}

/// Compiles a module of the filter's package and returns it as linked.
fn linked(workspace: &Workspace, target: &[&str], file: &str) -> anyhow::Result<Vec<u8>> {
    toolchain::ensure_target(workspace, toolchain::MODULE)?;
    let package = [
        "--package",
        "registry-auth-filter",
        "--target",
        toolchain::MODULE,
        "--profile",
        "module",
    ];
    let flags = format!(
        "target.{}.rustflags = {:?}",
        toolchain::MODULE,
        toolchain::remap()?
    );
    process::run(
        workspace
            .cargo(&[target, &package].concat())
            .args(["--config", &flags]),
    )?;
    let linked = workspace.target("wasm32-wasip1/module").join(file);
    fs::read(&linked).with_context(|| format!("cannot read `{}`", workspace.short(&linked)))
}

/// Runs wasm-opt: it removes code that only pruned exports and replaced imports reached, and makes the rest smaller by a
/// tenth.
fn shrink(workspace: &Workspace, pruned: &Finished) -> anyhow::Result<Vec<u8>> {
    let [from, to] = ["pruned", "shrunk"]
        .map(|name| workspace.target(&format!("wasm32-wasip1/module/{name}.wasm")));
    fs::write(&from, &pruned.bytes)
        .with_context(|| format!("cannot write `{}`", workspace.short(&from)))?;
    optimize(workspace, &from, &to)?;
    fs::read(&to).with_context(|| format!("cannot read `{}`", workspace.short(&to)))
}

/// Runs wasm-opt on the module in a file.
///
/// # Errors
/// It cannot be installed, or fails (its output is on the terminal).
pub(crate) fn optimize(workspace: &Workspace, from: &Path, to: &Path) -> anyhow::Result<()> {
    tools::install(workspace, tools::BUILD)?;
    let python = workspace
        .tools()
        .join(tools::BUILD_ENVIRONMENT)
        .join("bin/python");
    process::run(
        workspace
            .command(python)
            .arg("filter/xtask/shrink.py")
            .args([from, to]),
    )
}

fn report(path: &str, linked: usize, finished: &Finished) {
    let size = finished.bytes.len();
    let percent = size.saturating_mul(100).div_ceil(module::MAX_SIZE);
    eprintln!("{path}: {size} bytes ({linked} as linked), {percent} % of the limit");
    eprintln!("exports: {}", finished.exports.join(" "));
}

/// Replaces the file atomically: an Envoy or a test that opens it meanwhile reads the old one or
/// the new one.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("wasm.new");
    fs::write(&new, bytes)?;
    fs::rename(&new, path)
}

/// Builds target/release/registry-auth, with the module in it if there is one, and
/// target/helper/docker-credential-registry-auth.
///
/// # Errors
/// As [`run`].
pub(crate) fn build_native(workspace: &Workspace) -> anyhow::Result<()> {
    if !embed(workspace)? {
        eprintln!("no module yet: `registry-auth run` will need `--module`");
    }
    // It needs Node.js, which nothing else of the build does.
    if !workspace.target(PAGE).join("index.html").exists() {
        eprintln!(
            "no page yet (`cargo xtask playground`): `registry-auth playground` will need it"
        );
    }
    process::run(&mut workspace.build_native())?;
    eprintln!("{}", workspace.short(&workspace.native()));
    helper::build(workspace)
}

/// Copies the module, if there is one, to where the native program takes it from. The copy changes only with the content, so that
/// the program is compiled again only then.
fn embed(workspace: &Workspace) -> anyhow::Result<bool> {
    let copy = workspace.target(EMBEDDED);
    let Ok(module) = fs::read(workspace.target(MODULE)) else {
        let _ = fs::remove_file(copy);
        return Ok(false);
    };
    if fs::read(&copy).ok().as_ref() != Some(&module) {
        replace(&copy, &module)
            .with_context(|| format!("cannot write `{}`", workspace.short(&copy)))?;
    }
    Ok(true)
}
