//! `cargo xtask istio`: runs what is rendered for Istio and Envoy Gateway under their own code.
//!
//! It is no part of `cargo xtask test`: the first run downloads and compiles Istio's control plane.

use crate::workspace::Workspace;
use crate::{build, image, process, tools};

/// Folders with Go modules, and what their tests show.
const MODULES: [(&str, &str); 2] = [
    (
        "tests/schemas",
        "what is rendered fits the schemas of Istio and Envoy Gateway",
    ),
    (
        "tests/istio",
        "Istio's control plane serves what is rendered to Envoy",
    ),
];

/// Installs the tools, builds the artefacts, and runs the tests.
///
/// # Errors
/// A step fails.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    eprintln!("[1/4] tools");
    tools::install(workspace, tools::ISTIO)?;
    eprintln!("[2/4] build");
    build::all(workspace)?;
    image::of_built(workspace, true)?;
    for (step, (folder, shows)) in (3..).zip(MODULES) {
        eprintln!("[{step}/4] {shows} (Go; some minutes, the first time)");
        process::run(
            workspace
                .command("go")
                .args(["test", "-count=1", "./..."])
                .env("GOFLAGS", "-mod=readonly")
                .current_dir(workspace.path(folder)),
        )?;
    }
    Ok(())
}
