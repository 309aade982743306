//! `cargo xtask build`: the two artefacts.

use std::fs;
use std::path::Path;

use anyhow::Context;
use clap::Args;

use crate::module::{self, Finished};
use crate::process;
use crate::toolchain;
use crate::tools;
use crate::workspace::Workspace;

const LIBRARY: &str = "registry_auth_filter.wasm";

/// What to build; everything when neither is given.
#[derive(Args)]
pub(crate) struct Options {
    /// Build only target/registry-auth.wasm
    #[arg(long)]
    module: bool,
    /// Build only target/release/registry-auth
    #[arg(long)]
    native: bool,
}

/// Builds what `options` ask for.
///
/// # Errors
/// A compiler error (its text is on the screen), or a module that cannot ship.
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

/// Builds both artefacts.
///
/// # Errors
/// As [`run`].
pub(crate) fn all(workspace: &Workspace) -> anyhow::Result<()> {
    build_module(workspace)?;
    build_native(workspace)
}

/// Builds target/registry-auth.wasm.
///
/// # Errors
/// As [`run`].
pub(crate) fn build_module(workspace: &Workspace) -> anyhow::Result<()> {
    let (linked, finished) = finished(workspace, &["--lib"], LIBRARY)?;
    module::check_size(finished.bytes.len())?;
    let path = workspace.target("registry-auth.wasm");
    replace(&path, &finished.bytes).with_context(|| format!("cannot write `{}`", workspace.short(&path)))?;
    report(&workspace.short(&path).to_string(), linked, &finished);
    Ok(())
}

/// Builds the filter that does nothing, as ours is built.
///
/// # Errors
/// As [`run`].
pub(crate) fn empty_module(workspace: &Workspace, path: &Path) -> anyhow::Result<()> {
    let (_, finished) = finished(workspace, &["--example", "empty"], "examples/empty.wasm")?;
    replace(path, &finished.bytes).with_context(|| format!("cannot write `{}`", workspace.short(path)))
}

/// Builds our module with the names of its functions, before it is shrunk: for a profile.
///
/// # Errors
/// As [`run`].
pub(crate) fn named_module(workspace: &Workspace, path: &Path) -> anyhow::Result<()> {
    let finished = module::finish_with_names(&linked(workspace, &["--lib"], LIBRARY)?)?;
    replace(path, &finished.bytes).with_context(|| format!("cannot write `{}`", workspace.short(path)))
}

/// A module of the filter's package, and its size as it was linked.
fn finished(workspace: &Workspace, target: &[&str], file: &str) -> anyhow::Result<(usize, Finished)> {
    let bytes = linked(workspace, target, file)?;
    Ok((bytes.len(), module::finish(&shrink(workspace, &module::finish(&bytes)?)?)?))
}

/// A module of the filter's package, as it was linked.
fn linked(workspace: &Workspace, target: &[&str], file: &str) -> anyhow::Result<Vec<u8>> {
    toolchain::ensure_target(workspace, toolchain::MODULE)?;
    let package = ["build", "--package", "registry-auth-filter", "--target", toolchain::MODULE, "--profile", "module"];
    let flags = format!("target.{}.rustflags = [{:?}]", toolchain::MODULE, toolchain::remap()?);
    process::run(workspace.cargo(&[&package, target].concat()).args(["--config", &flags]))?;
    let linked = workspace.target("wasm32-wasip1/module").join(file);
    fs::read(&linked).with_context(|| format!("cannot read `{}`", workspace.short(&linked)))
}

/// What the pruned exports alone reached goes, and the code gets smaller by a tenth.
fn shrink(workspace: &Workspace, pruned: &Finished) -> anyhow::Result<Vec<u8>> {
    tools::install(workspace, tools::BUILD)?;
    let [from, to] = ["pruned", "shrunk"].map(|name| workspace.target(&format!("wasm32-wasip1/module/{name}.wasm")));
    fs::write(&from, &pruned.bytes).with_context(|| format!("cannot write `{}`", workspace.short(&from)))?;
    let python = workspace.tools().join(tools::BUILD_ENVIRONMENT).join("bin/python");
    process::run(workspace.command(python).arg("filter/xtask/shrink.py").args([&from, &to]))?;
    fs::read(&to).with_context(|| format!("cannot read `{}`", workspace.short(&to)))
}

fn report(path: &str, linked: usize, finished: &Finished) {
    let size = finished.bytes.len();
    let percent = size.saturating_mul(100).div_ceil(module::MAX_SIZE);
    eprintln!("{path}: {size} bytes ({linked} as linked), {percent} % of the limit");
    eprintln!("exports: {}", finished.exports.join(" "));
}

/// Replaces the file in one step: an Envoy or a test that opens it meanwhile sees the old one or the new one.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("wasm.new");
    fs::write(&new, bytes)?;
    fs::rename(&new, path)
}

fn build_native(workspace: &Workspace) -> anyhow::Result<()> {
    process::run(&mut workspace.cargo(&[
        "build",
        "--package",
        "registry-auth-shim",
        "--bin",
        "registry-auth",
        "--release",
    ]))?;
    eprintln!("{}", workspace.short(&workspace.target("release/registry-auth")));
    Ok(())
}
