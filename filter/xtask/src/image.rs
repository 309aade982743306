//! `cargo xtask image`: writes OCI image layouts below `target/images`, without a daemon.
//!
//! The same input gives the same digests: nothing of the machine and no time of the build is in an
//! image. docs/images.md says how layouts are pushed, signed and verified.

mod annotations;
mod base;
mod descriptor;
mod layer;
mod layout;
mod manifest;
mod module;
mod program;
mod sbom;

use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use clap::Args;

use crate::workspace::Workspace;
use crate::{build, toolchain};
use annotations::Build;

/// Options of `cargo xtask image`.
#[derive(Args)]
pub(crate) struct Options {
    /// Take target/registry-auth.wasm and target/release/registry-auth as they are
    #[arg(long)]
    no_build: bool,
    /// Write only the layouts of the module
    #[arg(long)]
    module: bool,
    /// Take this program, statically linked, which needs no C library in the image
    #[arg(long, value_name = "FILE", conflicts_with = "module")]
    static_program: Option<std::path::PathBuf>,
}

/// Writes the layouts.
///
/// # Errors
/// A build fails, the packages of the base cannot be fetched, or a file cannot be written.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    if !options.no_build {
        build::build_module(workspace)?;
        if !options.module && options.static_program.is_none() {
            build::build_native(workspace)?;
        }
    }
    write(workspace, options)
}

/// Writes all layouts from what is built, for the tests.
///
/// # Errors
/// As [`run`].
pub(crate) fn of_built(workspace: &Workspace) -> anyhow::Result<()> {
    let options = Options {
        no_build: true,
        module: false,
        static_program: None,
    };
    run(workspace, &options)
}

fn write(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    let build = Build::read(workspace)?;
    let bytes = read(workspace, &workspace.target("registry-auth.wasm"))?;
    let bom = sbom::write(
        workspace,
        &build,
        "registry-auth-filter",
        toolchain::MODULE,
        &[],
    )?;
    for (form, name) in module::FORMS {
        let folder = workspace.target("images").join(name);
        let described = module::write(&folder, form, &bytes, &bom, &build)?;
        report(workspace, &folder, &build, &described);
    }
    if options.module {
        return Ok(());
    }
    let target = toolchain::host(workspace)?;
    let architecture = match target.split('-').next() {
        Some("x86_64") => "amd64",
        Some("aarch64") => "arm64",
        other => bail!("images are made for x86_64 and aarch64, not for {other:?}"),
    };
    let is_static = options.static_program.is_some();
    let built = workspace.target("release/registry-auth");
    let bytes = read(workspace, options.static_program.as_ref().unwrap_or(&built))?;
    let base = base::of_packages(workspace, is_static)?;
    let bom = sbom::write(
        workspace,
        &build,
        "registry-auth-shim",
        &target,
        &base.packages,
    )?;
    let folder = workspace.target("images/registry-auth");
    let described = program::write(&folder, &bytes, &base, architecture, &bom, &build)?;
    report(workspace, &folder, &build, &described);
    Ok(())
}

fn report(workspace: &Workspace, folder: &Path, build: &Build, described: &descriptor::Descriptor) {
    eprintln!(
        "{}:{} {}",
        workspace.short(folder),
        build.version,
        described.digest
    );
}

fn read(workspace: &Workspace, path: &Path) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| {
        format!(
            "cannot read `{}`: build first, without --no-build",
            workspace.short(path)
        )
    })
}
