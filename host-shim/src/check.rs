//! `registry-auth check`: prints all errors and warnings of a configuration.

use std::path::PathBuf;
use std::process::ExitCode;

use registry_auth_render::Options;

use crate::configuration::{Configuration, View};

/// Prints every error and warning of a configuration
///
/// One line each on stderr; the exit status is 1 if there is an error, and stdout says what was
/// checked otherwise. Lines that begin with `zot:`
/// say what the configuration means here and not in zot (docs/zot.md). Relative paths in the
/// configuration are relative to the current directory. What `render` and `run` complete may be
/// missing, unless the configuration is `--for filter`.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The filter's configuration, JSON or (by its ending .yaml or .yml) YAML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Who reads it: `proxy` for a configuration that `render` or `run` completes, `filter` for the
    /// plugin configuration of a proxy of your own
    #[arg(long = "for", value_name = "WHAT", default_value = "proxy")]
    target: Target,
}

/// Who reads a configuration.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Target {
    /// `render` and `run`, which complete it.
    Proxy,
    /// The filter, as it is.
    Filter,
}

/// Runs the check, and says what was checked. An invalid configuration is an exit status, not an error.
///
/// # Errors
/// The file cannot be read.
#[expect(
    clippy::print_stdout,
    reason = "that all is well is what the command is asked for"
)]
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let options = Options {
        check_files: true,
        ..Options::default()
    };
    let view = match arguments.target {
        Target::Proxy => View::Proxy(&options),
        Target::Filter => View::Filter,
    };
    let configuration = Configuration::read(&arguments.config, view)?;
    print(&configuration);
    for difference in configuration.differences() {
        eprintln!("zot: {difference}");
    }
    Ok(if configuration.is_refused() {
        ExitCode::FAILURE
    } else {
        println!(
            "{}: ok, {}",
            arguments.config.display(),
            summary(&configuration)
        );
        ExitCode::SUCCESS
    })
}

/// What was checked, in numbers.
fn summary(configuration: &Configuration) -> String {
    let count = |number: usize, one: &str, many: &str| {
        let name = if number == 1 { one } else { many };
        format!("{number} {name}")
    };
    let document = configuration.document();
    let control = document.and_then(|document| document.access_control.as_ref());
    let patterns = control.map_or(0, |control| control.repositories.len());
    let policies = control.map_or(0, |control| {
        let groups = control.repositories.values();
        groups.map(|group| group.policies.len()).sum()
    });
    let mut parts = vec![
        count(patterns, "pattern", "patterns"),
        count(policies, "policy", "policies"),
    ];
    let tests = document.and_then(|document| document.tests.as_ref()?.as_array());
    if let Some(tests) = tests {
        parts.push(count(tests.len(), "test passed", "tests passed"));
    }
    parts.join(", ")
}

/// Prints errors and warnings to stderr, errors first.
pub(crate) fn print(configuration: &Configuration) {
    for error in configuration.errors() {
        eprintln!("error: {error}");
    }
    for warning in configuration.warnings() {
        eprintln!("warning: {warning}");
    }
}
