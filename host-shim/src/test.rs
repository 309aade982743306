//! `registry-auth test`: runs the tests of a policy file.

mod junit;
mod live;
mod outcome;
mod tap;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use registry_auth_engine::config::raw::Document;
use registry_auth_engine::engine::Engine;
use registry_auth_policy::case::Case;
use registry_auth_policy::coverage::Coverage;
use registry_auth_policy::tests::{self, PolicyTest};
use serde_json::Value;

use crate::clock::wall_clock;
use crate::configuration::{Configuration, value_of};
use crate::{check, policy};
use outcome::{Outcomes, Suite};

/// The exit status of arguments that do not fit together, as clap has it.
const USAGE: u8 = 2;
/// Standard output in the place of a file.
const STANDARD: &str = "-";

/// Runs the tests of a configuration (its member `tests`), and of further files
///
/// A test that fails is shown with the rules that decided. The exit status is 1 if one fails.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The configuration, JSON or YAML
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Say which rules, conditions and validations the tests have not reached
    #[arg(long)]
    coverage: bool,
    /// Fail if the tests cover less than this percentage
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    min: Option<u8>,
    /// Print the results as TAP 13
    #[arg(long)]
    tap: bool,
    /// Write the results as `JUnit` XML, `-` for standard output in place of the text
    #[arg(long, value_name = "FILE|-")]
    junit: Option<PathBuf>,
    #[command(flatten)]
    live: live::LiveArguments,
    /// Files with a member `tests`, JSON or YAML, which are run too
    #[arg(value_name = "MORE")]
    more: Vec<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// A file cannot be read or written, there is no test, or a proxy cannot be reached.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let to_stdout = arguments
        .junit
        .as_ref()
        .is_some_and(|path| path.as_os_str() == STANDARD);
    if to_stdout && arguments.tap {
        eprintln!("error: only one of --tap and --junit - can be printed: give --junit a file");
        return Ok(ExitCode::from(USAGE));
    }
    let configuration = Configuration::read_to_ask(&arguments.config)?;
    let document = configuration.document();
    let (Some(document), Some(engine)) = (document, document.and_then(policy::engine)) else {
        check::print(&configuration);
        bail!("the configuration has errors: no test is run");
    };
    let files = arguments.files(document)?;
    let all = || files.iter().flat_map(|(_, tests)| tests);
    if all().next().is_none() {
        bail!("there are no tests: write a member `tests`, see docs/explain.md");
    }
    let mut coverage = Coverage::of(document, &engine);
    let suites = files
        .iter()
        .map(|(name, tests)| suite(name, tests, &engine, &mut coverage));
    let mut outcomes = Outcomes {
        suites: suites.collect(),
        remarks: Vec::new(),
    };
    outcomes.suites.extend(arguments.live.run(all(), &engine)?);
    outcomes.remarks = arguments.remarks(&coverage);
    outcomes.write(arguments.tap, arguments.junit.as_deref())?;
    let least = arguments.least();
    let is_enough = coverage.percent() >= least;
    if !is_enough {
        eprintln!("error: the tests cover less than {least} %");
    }
    Ok(if outcomes.failed() == 0 && is_enough {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl Arguments {
    /// The tests of each file that has some.
    fn files(&self, document: &Document) -> anyhow::Result<Vec<(String, Vec<PolicyTest>)>> {
        let mut files = Vec::new();
        if let Some(tests) = &document.tests {
            files.push(read(self.config.display().to_string(), tests)?);
        }
        for path in &self.more {
            let value = match value_of(path)? {
                Ok(value) => value,
                Err(found) => bail!("{}: {}", path.display(), listed(&found.errors)),
            };
            let tests = value.get("tests");
            let tests = tests.with_context(|| format!("`{}` has no `tests`", path.display()))?;
            files.push(read(path.display().to_string(), tests)?);
        }
        Ok(files)
    }

    fn least(&self) -> usize {
        self.min.map_or(0, usize::from)
    }

    /// What is not covered, if that is asked for, or too much.
    fn remarks(&self, coverage: &Coverage) -> Vec<String> {
        let percent = coverage.percent();
        if !self.coverage && percent >= self.least() {
            return Vec::new();
        }
        let (covered, all) = coverage.count();
        let mut remarks = vec![format!("coverage {percent} % ({covered} of {all})")];
        let missing = coverage.missing();
        remarks.extend(missing.map(|(place, what)| format!("  {place}  {what}")));
        remarks
    }
}

fn read(name: String, tests: &Value) -> anyhow::Result<(String, Vec<PolicyTest>)> {
    let read = tests::read(tests).map_err(|wrong| {
        let wrong: Vec<_> = wrong.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{name}: {}", wrong.join("\n"))
    })?;
    Ok((name, read))
}

/// Runs the tests of a file.
fn suite(name: &str, tests: &[PolicyTest], engine: &Engine, coverage: &mut Coverage) -> Suite {
    let now = wall_clock();
    let mut suite = Suite::new(name);
    for test in tests {
        let mut see = |case: &Case| coverage.add(case);
        let one = std::slice::from_ref(test);
        suite.add(test, &tests::run_and_see(one, engine, now, &mut see));
    }
    suite
}

fn listed(errors: &[registry_auth_engine::config::ConfigError]) -> String {
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    errors.join("; ")
}
