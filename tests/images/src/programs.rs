//! The programs of `.tools`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns a path in the checkout, without `..`: buildah takes none.
pub(crate) fn path(relative: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    root.expect("the checkout").join(relative)
}

/// Returns the path of a program of `.tools`.
pub(crate) fn program(name: &str) -> PathBuf {
    let tools = std::env::var_os("REGISTRY_AUTH_TOOLS");
    tools
        .map_or_else(|| path(".tools"), PathBuf::from)
        .join(name)
}

/// Returns a command of a program of `.tools`.
pub(crate) fn tool(name: &str) -> Command {
    let program = program(name);
    assert!(
        program.exists(),
        "{name} is missing: run `cargo xtask tools`"
    );
    Command::new(program)
}

/// Runs a command that has to succeed, and returns what it prints.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{errors}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
