//! A program that needs no C library of the system: built for musl.
//!
//! The libraries' C needs a compiler for musl; headers and start files come from Debian's package,
//! for the compiler of the system.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::{Context, ensure};

use crate::workspace::Workspace;
use crate::{debian, process, toolchain};

const FOLDER: &str = "debian-musl";

/// Builds the static program and returns its path.
///
/// # Errors
/// This system has no apt, or the compiler fails.
pub(crate) fn build(workspace: &Workspace, architecture: &str) -> anyhow::Result<PathBuf> {
    ensure!(
        debian::is_here(workspace),
        "a static program needs musl from Debian or Ubuntu, and this system has no apt: build it there"
    );
    let target = target(architecture);
    toolchain::ensure_target(workspace, &target)?;
    debian::unpack(workspace, FOLDER, &["musl-dev"])?;
    let compiler = compiler(workspace, architecture)?;
    let variable = format!("CC_{}", target.replace('-', "_"));
    let mut command = workspace.cargo(&[
        "build",
        "--package=registry-auth-shim",
        "--bin=registry-auth",
        "--release",
        "--target",
        &target,
    ]);
    process::run(command.env(variable, compiler))?;
    Ok(path(workspace, architecture))
}

/// Returns where the program is, built or not.
pub(crate) fn path(workspace: &Workspace, architecture: &str) -> PathBuf {
    workspace.target(&format!("{}/release/registry-auth", target(architecture)))
}

/// Returns the target triple.
pub(crate) fn target(architecture: &str) -> String {
    format!("{architecture}-unknown-linux-musl")
}

/// Writes a compiler for musl: that of the system with the specs of the package, whose paths are
/// those of an installed one.
fn compiler(workspace: &Workspace, architecture: &str) -> anyhow::Result<PathBuf> {
    let folder = workspace.tools().join(FOLDER);
    let root = folder.join("root");
    let name = format!("{architecture}-linux-musl");
    let specs = root.join(format!("usr/lib/{name}/musl-gcc.specs"));
    let text = fs::read_to_string(&specs)
        .with_context(|| format!("cannot read `{}`", workspace.short(&specs)))?;
    let moved = ["lib", "include"].iter().fold(text, |text, place| {
        let own = root.join(format!("usr/{place}/{name}"));
        text.replace(&format!("/usr/{place}/{name}"), &own.to_string_lossy())
    });
    let (specs, compiler) = (folder.join("musl-gcc.specs"), folder.join("musl-gcc"));
    fs::write(&specs, moved).context("cannot write the specs of musl")?;
    let script = format!("#!/bin/sh\nexec gcc \"$@\" -specs '{}'\n", specs.display());
    fs::write(&compiler, script).context("cannot write the compiler for musl")?;
    fs::set_permissions(&compiler, fs::Permissions::from_mode(0o755))
        .context("cannot make it a program")?;
    Ok(compiler)
}
