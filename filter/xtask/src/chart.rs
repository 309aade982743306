//! `cargo xtask chart`: tests the Helm chart and the images with the real programs.

use crate::workspace::Workspace;
use crate::{build, image, process, tools};

/// The packages of the tests.
pub(crate) const TESTS: &[&str] = &[
    "test",
    "--package=registry-auth-suite-chart",
    "--package=registry-auth-suite-images",
];

/// Installs the tools, builds the artefacts, writes the images, and runs the tests.
///
/// # Errors
/// A step fails; its output is on the terminal.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    tools::install(workspace, tools::DELIVERY)?;
    build::all(workspace)?;
    image::of_built(workspace, false)?;
    process::run(&mut workspace.cargo(TESTS))
}
