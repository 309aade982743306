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
mod musl;
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
#[derive(Args, Default)]
pub(crate) struct Options {
    /// Take what is built already
    #[arg(long)]
    no_build: bool,
    /// Write only the layouts of the module
    #[arg(long)]
    module: bool,
    /// Link the program statically (musl), so that the image needs no C library
    #[arg(long = "static", conflicts_with = "module")]
    is_static: bool,
}

/// Writes the layouts.
///
/// # Errors
/// A build fails, the packages of the base cannot be fetched, or a file cannot be written.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    if !options.no_build {
        build::build_module(workspace)?;
    }
    let build = Build::read(workspace)?;
    of_module(workspace, &build)?;
    if options.module {
        return Ok(());
    }
    of_program(workspace, options, &build)
}

/// Writes layouts of what is built, for the tests: all, or only those of the module.
///
/// # Errors
/// As [`run`].
pub(crate) fn of_built(workspace: &Workspace, module: bool) -> anyhow::Result<()> {
    let options = Options {
        no_build: true,
        module,
        is_static: false,
    };
    run(workspace, &options)
}

fn of_module(workspace: &Workspace, build: &Build) -> anyhow::Result<()> {
    let bytes = read(workspace, &workspace.target("registry-auth.wasm"))?;
    let package = "registry-auth-filter";
    let bom = sbom::write(workspace, build, package, toolchain::MODULE, &[])?;
    for (form, name) in module::FORMS {
        let folder = workspace.target("images").join(name);
        let described = module::write(&folder, form, &bytes, &bom, build)?;
        report(workspace, &folder, build, &described);
    }
    Ok(())
}

fn of_program(workspace: &Workspace, options: &Options, build: &Build) -> anyhow::Result<()> {
    let host = toolchain::host(workspace)?;
    let processor = host.split('-').next().unwrap_or_default();
    let architecture = match processor {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => bail!("images are made for x86_64 and aarch64, not for {other}"),
    };
    let program = match (options.is_static, options.no_build) {
        (true, true) => musl::path(workspace, processor),
        (true, false) => musl::build(workspace, processor)?,
        (false, no_build) => {
            if !no_build {
                build::build_native(workspace)?;
            }
            workspace.native()
        }
    };
    let target = if options.is_static {
        musl::target(processor)
    } else {
        host.clone()
    };
    let bytes = read(workspace, &program)?;
    let base = base::of_packages(workspace, options.is_static)?;
    let package = "registry-auth-shim";
    let bom = sbom::write(workspace, build, package, &target, &base.packages)?;
    let folder = workspace.target("images/registry-auth");
    let described = program::write(&folder, &bytes, &base, architecture, &bom, build)?;
    report(workspace, &folder, build, &described);
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
