//! `cargo xtask dynamic`: builds the module for Envoy that is native code.

use std::fs;

use anyhow::Context;

use crate::process;
use crate::workspace::Workspace;

/// As Envoy looks for it: `lib`, the name in its configuration, `.so`.
const MODULE: &str = "libregistry_auth.so";

/// Builds `target/libregistry_auth.so` as it ships.
///
/// # Errors
/// The compiler fails; its output is on the terminal.
pub(crate) fn build(workspace: &Workspace) -> anyhow::Result<()> {
    let package = [
        "build",
        "--package=registry-auth-native",
        "--lib",
        "--profile=dynamic",
    ];
    process::run(&mut workspace.cargo(&package))?;
    install(workspace, "dynamic")
}

/// Builds it as the tests are built, whose libraries it has: as it ships, they would all be compiled once more. Arithmetic that
/// overflows and assertions panic in it.
///
/// # Errors
/// As [`build`].
pub(crate) fn build_tested(workspace: &Workspace) -> anyhow::Result<()> {
    process::run(&mut workspace.tested("build", &["--lib"]))?;
    install(workspace, "debug")
}

/// Replaces the module by that of a profile.
fn install(workspace: &Workspace, profile: &str) -> anyhow::Result<()> {
    let (built, module) = (
        workspace.target(&format!("{profile}/{MODULE}")),
        workspace.target(MODULE),
    );
    // An Envoy that runs with the old one keeps it.
    let new = module.with_extension("so.new");
    fs::copy(&built, &new)
        .and_then(|_| fs::rename(&new, &module))
        .with_context(|| format!("cannot write `{}`", workspace.short(&module)))?;
    let size = fs::metadata(&module)?.len();
    eprintln!("{}: {size} bytes", workspace.short(&module));
    Ok(())
}
