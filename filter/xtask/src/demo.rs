//! `cargo xtask demo`: builds what the package of the demonstration needs, and runs it.

use clap::Args;

use crate::workspace::Workspace;
use crate::{build, process, tools};

/// Options of `cargo xtask demo`.
#[derive(Args)]
pub(crate) struct Options {
    /// Leave everything running at the end and print commands to try by hand
    #[arg(long)]
    keep: bool,
}

/// Installs the tools, builds the artefacts, and runs the demonstration.
///
/// # Errors
/// A step fails, or has another outcome than the demonstration says.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    eprintln!("[1/3] tools");
    tools::install(workspace, tools::DEMO)?;
    eprintln!("[2/3] build");
    build::all(workspace)?;
    eprintln!("[3/3] demo");
    let mut story = workspace.cargo(&["run", "--package", "registry-auth-demo"]);
    if options.keep {
        story.args(["--", "--keep"]);
    }
    process::run(&mut story)
}
