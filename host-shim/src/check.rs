//! `registry-auth check`: prints all errors and warnings of a configuration.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::configuration::Configuration;

/// Prints every error and warning of a configuration
///
/// One line each on stderr; the exit status is 1 if there is an error. Lines that begin with `zot:`
/// say what the configuration means here and not in zot (docs/zot.md). Relative paths in the
/// configuration are relative to the current directory.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The filter's configuration, JSON or (by its ending .yaml or .yml) YAML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

/// Runs the check. An invalid configuration is an exit status, not an error.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let configuration = Configuration::read(&arguments.config)?;
    print(&configuration);
    for difference in configuration.differences() {
        eprintln!("zot: {difference}");
    }
    Ok(if configuration.is_refused() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
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
