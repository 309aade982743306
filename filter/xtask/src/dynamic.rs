//! `cargo xtask dynamic`: builds the module for Envoy that is native code.

use std::fs;

use anyhow::Context;

use crate::process;
use crate::workspace::Workspace;

/// As Envoy looks for it: `lib`, the name in its configuration, `.so`.
const MODULE: &str = "libregistry_auth.so";

/// Builds `target/libregistry_auth.so`.
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
    let (built, module) = (
        workspace.target(&format!("dynamic/{MODULE}")),
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
