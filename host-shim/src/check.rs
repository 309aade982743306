//! `registry-auth check`: says what is wrong with a configuration, where, and what to write instead.

mod envoy;
mod excerpt;
mod findings;
mod human;
mod json;
mod sarif;

use std::path::PathBuf;
use std::process::ExitCode;

use registry_auth_lint::{Level, Report};
use registry_auth_render::Options;

use crate::configuration::{Configuration, View};
use crate::file::read_configuration;

/// Says what is wrong with a configuration, where, and what to write instead
///
/// `error`: the filter refuses it, or every caller it is about; `danger`: it loads, and lets in more
/// than is meant; `warning`: something does not do what it looks like. The exit status is 1 if there
/// is an error or a danger, and stdout says what was checked otherwise. docs/lints.md lists all
/// findings; `lint.allow` in the configuration takes those out that are meant. Relative paths in the
/// configuration are relative to the current directory. What `render` and `run` complete may be
/// missing, unless the configuration is `--for filter`.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option")]
pub(crate) struct Arguments {
    /// The filter's configuration, JSON or (by its ending .yaml or .yml) YAML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Who reads it: `proxy` for a configuration that `render` or `run` completes, `filter` for the
    /// plugin configuration of a proxy of your own
    #[arg(long = "for", value_name = "WHAT", default_value = "proxy")]
    target: Target,
    /// Warnings fail too
    #[arg(long)]
    strict: bool,
    /// Say what the configuration means here and not in zot (docs/zot.md), on lines that begin with
    /// `zot:`
    #[arg(long)]
    zot: bool,
    /// Check Envoy's own configuration too, JSON or YAML: that it fits this one
    #[arg(long, value_name = "FILE")]
    envoy: Option<PathBuf>,
    /// One line for each finding, with `FILE:LINE:COLUMN: LEVEL[ID]: PATH: MESSAGE`
    #[arg(long, conflicts_with_all = ["json", "sarif"])]
    short: bool,
    /// Print the findings to stdout as JSON
    #[arg(long, conflicts_with = "sarif")]
    json: bool,
    /// Print the findings to stdout as SARIF 2.1.0, for code scanning
    #[arg(long)]
    sarif: bool,
}

/// Who reads a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Target {
    /// `render` and `run`, which complete it.
    Proxy,
    /// The filter, as it is.
    Filter,
}

/// Runs the check, and says what was checked. An invalid configuration is an exit status, not an error.
///
/// # Errors
/// A file cannot be read.
#[expect(
    clippy::print_stdout,
    reason = "that all is well, or the data, is what the command is asked for"
)]
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let file = &arguments.config;
    let text = read_configuration(file)?;
    let options = Options {
        check_files: true,
        ..Options::default()
    };
    let view = match arguments.target {
        Target::Proxy => View::Proxy(&options),
        Target::Filter => View::Filter,
    };
    let (configuration, mut report) = findings::of(file, &text, view);
    let mut others = Vec::new();
    if let Some(file) = &arguments.envoy {
        let text = read_configuration(file)?;
        others.push(envoy::report(file, &text, &configuration));
    }
    let differences = configuration.differences();
    report.sort();
    let reports: Vec<&Report> = std::iter::once(&report).chain(&others).collect();
    if arguments.json {
        println!("{}", json::text(&reports));
    } else if arguments.sarif {
        println!("{}", sarif::text(&reports));
    } else {
        for report in &reports {
            eprint!("{}", human::text(report, arguments.short));
        }
        if arguments.zot {
            for difference in &differences {
                eprintln!("zot: {difference}");
            }
        }
    }
    let count = |level: Level| {
        reports
            .iter()
            .map(|report| report.count(level))
            .sum::<usize>()
    };
    let (errors, dangers, warnings) = (
        count(Level::Error),
        count(Level::Danger),
        count(Level::Warning),
    );
    let fails = errors + dangers > 0 || arguments.strict && warnings > 0;
    if !arguments.json && !arguments.sarif {
        if fails {
            let parts = [
                counted(errors, "error", "errors"),
                counted(dangers, "danger", "dangers"),
                counted(warnings, "warning", "warnings"),
            ];
            eprintln!("{}: {}", file.display(), parts.join(", "));
        } else {
            let mut parts = summary(&configuration);
            if warnings > 0 {
                parts.push(counted(warnings, "warning", "warnings"));
            }
            println!("{}: ok, {}", file.display(), parts.join(", "));
        }
    }
    Ok(if fails {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn counted(number: usize, one: &str, many: &str) -> String {
    let name = if number == 1 { one } else { many };
    format!("{number} {name}")
}

/// What was checked, in numbers.
fn summary(configuration: &Configuration) -> Vec<String> {
    let document = configuration.document();
    let control = document.and_then(|document| document.access_control.as_ref());
    let patterns = control.map_or(0, |control| control.repositories.len());
    let policies = control.map_or(0, |control| {
        let groups = control.repositories.values();
        groups.map(|group| group.policies.len()).sum()
    });
    let mut parts = vec![
        counted(patterns, "pattern", "patterns"),
        counted(policies, "policy", "policies"),
    ];
    let tests = document.and_then(|document| document.tests.as_ref()?.as_array());
    if let Some(tests) = tests {
        parts.push(counted(tests.len(), "test passed", "tests passed"));
    }
    parts
}

/// Prints errors and warnings to stderr, errors first, a line each: for commands that need a good
/// configuration for something else.
pub(crate) fn print(configuration: &Configuration) {
    for error in configuration.errors() {
        eprintln!("error: {error}");
    }
    for warning in configuration.warnings() {
        eprintln!("warning: {warning}");
    }
}
