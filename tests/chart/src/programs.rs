//! The programs of `.tools`, and the files of the chart.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The version of Kubernetes that the chart is rendered for.
pub(crate) const KUBERNETES: &str = "1.34";

/// Returns a path in the checkout.
pub(crate) fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(relative)
}

/// Returns the text of a file in the checkout.
pub(crate) fn text(relative: &str) -> String {
    fs::read_to_string(path(relative)).unwrap_or_else(|error| panic!("{relative}: {error}"))
}

/// Returns a program of `.tools`.
pub(crate) fn tool(name: &str) -> Command {
    let tools = std::env::var_os("REGISTRY_AUTH_TOOLS");
    let tools = tools.map_or_else(|| path(".tools"), PathBuf::from);
    let program = tools.join(name);
    assert!(
        program.exists(),
        "{name} is missing: run `cargo xtask tools`"
    );
    Command::new(program)
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Runs a command that has to succeed, and returns what it prints.
pub(crate) fn succeed(command: &mut Command) -> String {
    let output = run(command);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Returns the names of the files in `tests/chart/values`, without their ending.
pub(crate) fn samples() -> Vec<String> {
    let entries = fs::read_dir(path("tests/chart/values")).expect("the values of the tests");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    assert!(names.len() >= 6, "{names:?}");
    names
}

/// Returns `helm template` for a file of values, with further arguments.
pub(crate) fn template(sample: &str, more: &[&str]) -> Command {
    let mut command = tool("bin/helm");
    command
        .args(["template", "registry"])
        .arg(path("envoy/helm/registry-auth"))
        .args([
            "--namespace=registry",
            "--kube-version",
            KUBERNETES,
            "--values",
        ])
        .arg(path(&format!("tests/chart/values/{sample}.yaml")))
        .args(more);
    command
}
