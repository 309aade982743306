//! `cargo xtask hosts`: sends the rows of `tests/hosts` to every version of Envoy that is supported,
//! and to other hosts.
//!
//! `cargo xtask test` does so with the oldest and the newest.

mod other;

use crate::workspace::Workspace;
use crate::{build, process, tools};

/// The tests, those among them that `cargo xtask test` leaves out too.
const TESTS: &[&str] = &[
    "--test=envoy",
    "--",
    "hosts",
    "run::versions",
    "--include-ignored",
];
/// The page that shows what was measured.
const PAGE: &[&str] = &["--test=native", "--", "hosts"];

/// Installs the hosts, builds the artefacts, runs the tests, and checks the page.
///
/// # Errors
/// A step fails.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    eprintln!("[1/4] tools");
    tools::install(workspace, tools::HOSTS)?;
    eprintln!("[2/4] build");
    build::all(workspace)?;
    eprintln!("[3/4] the rows on each host");
    process::run(&mut workspace.tested("test", TESTS))?;
    other::run(workspace)?;
    eprintln!("[4/4] docs/hosts.md");
    process::run(&mut workspace.tested("test", PAGE))
}
