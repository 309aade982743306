//! `cargo xtask chart`: tests the Helm chart and the images with the real programs.

use crate::workspace::Workspace;
use crate::{build, image, process, tools};

/// Installs the tools, builds the artefacts, writes the images, and runs the tests.
///
/// # Errors
/// A step fails; its output is on the terminal.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    tools::install(workspace, tools::DELIVERY)?;
    build::all(workspace)?;
    image::of_built(workspace, false)?;
    process::run(&mut workspace.tested("test", &["--test=chart", "--test=images"]))
}
