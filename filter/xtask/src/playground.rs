//! `cargo xtask playground`: the page in `target/playground`, which any web server can serve.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::workspace::{PAGE, Workspace};
use crate::{build, process, toolchain, tools};

/// The module with its glue, below `target`.
const ENGINE: &str = "playground-engine";
/// The sources of the page.
const SOURCES: &str = "filter/playground/page";
/// The target of the module: a browser is no platform.
const TARGET: &str = "wasm32-unknown-unknown";

/// SHA-2 as loops: a page hashes a token at a time, and the code is a tenth.
const SMALL_HASHES: &str = "--cfg=sha2_backend_soft=\"compact\"";

/// The largest module, in bytes, as it is and compressed: somebody waits for it. The filter's own is
/// 1.6 MB, and 670 kB compressed; what `check` and `diff` find are 540 kB and 210 kB more.
const MAX_SIZE: usize = 2_300_000;
const MAX_COMPRESSED: usize = 950_000;

/// Builds the page.
///
/// # Errors
/// A compiler or a tool fails (its output is on the terminal), or the module is too large.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    tools::install(workspace, tools::PLAYGROUND)?;
    engine(workspace)?;
    process::run(
        workspace
            .command("node")
            .arg(workspace.path(SOURCES).join("build.mjs"))
            .arg(workspace.target(ENGINE))
            .arg(workspace.target(PAGE))
            .arg(packages(workspace)),
    )?;
    let mut whole = 0;
    for file in files(workspace)? {
        let bytes = fs::read(&file).with_context(|| cannot_read(workspace, &file))?;
        whole += compressed(&bytes)?;
    }
    let page = workspace.target(PAGE);
    let page = workspace.short(&page);
    eprintln!("{page}: {whole} bytes to load, compressed by gzip -9");
    Ok(())
}

/// Checks the types of the page's scripts.
///
/// # Errors
/// A tool cannot be installed, or something has the wrong type.
pub(crate) fn check_types(workspace: &Workspace) -> anyhow::Result<()> {
    tools::install(workspace, tools::PLAYGROUND)?;
    // The packages are no part of the sources, so that the compiler has to know where they are.
    let settings = workspace.tools().join("playground/tsconfig.json");
    let sources = workspace.path(SOURCES);
    let text = serde_json::json!({
        "extends": sources.join("tsconfig.json"),
        "compilerOptions": { "paths": { "*": ["./node_modules/*"] } },
        "include": [sources.join("src"), sources.join("engine.d.ts")],
    });
    fs::write(&settings, text.to_string()).context("cannot write the settings of the compiler")?;
    process::run(
        workspace
            .command(packages(workspace).join(".bin/tsc"))
            .arg("--project")
            .arg(&settings),
    )
}

/// The packages of npm.
fn packages(workspace: &Workspace) -> std::path::PathBuf {
    workspace.tools().join("playground/node_modules")
}

/// Builds the module and its glue.
fn engine(workspace: &Workspace) -> anyhow::Result<()> {
    toolchain::ensure_target(workspace, TARGET)?;
    let mut flags = toolchain::remap()?;
    flags.push(SMALL_HASHES.to_owned());
    let flags = format!("target.{TARGET}.rustflags = {flags:?}");
    process::run(
        workspace
            .cargo(&[
                "build",
                "--package=registry-auth-playground",
                "--lib",
                "--target",
                TARGET,
                "--profile=module",
            ])
            .args(["--config", &flags]),
    )?;
    let linked = workspace.target(&format!("{TARGET}/module/registry_auth_playground.wasm"));
    let folder = workspace.target(ENGINE);
    process::run(
        workspace
            .command(workspace.tools().join("bin/registry-auth-bindgen"))
            .args([&linked, &folder]),
    )?;
    let module = folder.join("engine_bg.wasm");
    build::optimize(workspace, &module, &module)?;
    let bytes = fs::read(&module).with_context(|| cannot_read(workspace, &module))?;
    let (size, packed) = (bytes.len(), compressed(&bytes)?);
    let name = workspace.short(&module);
    eprintln!("{name}: {size} bytes, {packed} compressed by gzip -9");
    ensure!(
        size <= MAX_SIZE && packed <= MAX_COMPRESSED,
        "the module is larger than {MAX_SIZE} bytes, or {MAX_COMPRESSED} compressed"
    );
    Ok(())
}

/// The size of some bytes, compressed as servers do it at best with gzip.
fn compressed(bytes: &[u8]) -> anyhow::Result<usize> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?.len())
}

fn files(workspace: &Workspace) -> anyhow::Result<Vec<std::path::PathBuf>> {
    let entries = fs::read_dir(workspace.target(PAGE)).context("there is no page")?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

fn cannot_read(workspace: &Workspace, path: &Path) -> String {
    format!("cannot read `{}`", workspace.short(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The version of a package in a lock file.
    fn version<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
        let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
        rest.split('"').next()
    }

    #[test]
    fn the_module_and_its_glue_have_one_version_of_wasm_bindgen() {
        let workspace = Workspace::find().unwrap();
        let read = |file: &str| fs::read_to_string(workspace.path(file)).unwrap();
        let (ours, tool) = (
            read("Cargo.lock"),
            read("filter/playground/bindgen/Cargo.lock"),
        );
        let name = "wasm-bindgen-shared";
        assert!(version(&ours, name).is_some());
        assert_eq!(version(&ours, name), version(&tool, name));
    }
}
