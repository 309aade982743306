//! `cargo xtask soak`: builds what the package of the benchmark needs, and runs the soak test.

use clap::Args;

use crate::workspace::Workspace;
use crate::{build, process, tools};

/// Options of `cargo xtask soak`.
#[derive(Args)]
pub(crate) struct Options {
    /// How many requests to send
    #[arg(long, default_value_t = 10_000_000)]
    requests: u64,
    /// Write docs/soak.md
    #[arg(long)]
    write: bool,
}

/// Installs the tools, builds the module, and sends requests.
///
/// # Errors
/// A step fails, a request gets a wrong response, or memory grows.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    tools::install(workspace, tools::ENVOY)?;
    build::build_module(workspace)?;
    let mut soak = workspace.program("soak")?;
    soak.args(["--requests", &options.requests.to_string()]);
    if options.write {
        soak.arg("--write");
    }
    process::run(&mut soak)
}
