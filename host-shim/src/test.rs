//! `registry-auth test`: runs the tests of a policy file.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use registry_auth_policy::case::Case;
use registry_auth_policy::coverage::Coverage;
use registry_auth_policy::{show, tests};
use registry_auth_render::Options;

use crate::clock::wall_clock;
use crate::configuration::{Configuration, View, value_of};
use crate::{check, policy};

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
    /// Files with a member `tests`, JSON or YAML, which are run too
    #[arg(value_name = "MORE")]
    more: Vec<PathBuf>,
}

/// Runs the command.
///
/// # Errors
/// A file cannot be read, or there is no test.
#[expect(
    clippy::print_stdout,
    reason = "the result is what the command is asked for"
)]
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let options = Options {
        check_files: true,
        ..Options::default()
    };
    let configuration = Configuration::read(&arguments.config, View::Proxy(&options))?;
    let document = configuration.document();
    let (Some(document), Some(engine)) = (document, document.and_then(policy::engine)) else {
        check::print(&configuration);
        bail!("the configuration has errors: no test is run");
    };
    let mut files = vec![(&arguments.config, document.tests.clone())];
    for path in &arguments.more {
        let value = match value_of(path)? {
            Ok(value) => value,
            Err(found) => bail!("{}: {}", path.display(), listed(&found.errors)),
        };
        let tests = value.get("tests").cloned();
        let tests = tests.with_context(|| format!("`{}` has no `tests`", path.display()))?;
        files.push((path, Some(tests)));
    }
    let mut coverage = Coverage::of(document, &engine);
    let (mut count, mut requests, mut failed) = (0, 0, 0);
    for (path, tests) in files {
        let Some(tests) = tests else {
            continue;
        };
        let read = tests::read(&tests).map_err(|wrong| {
            let wrong: Vec<_> = wrong.iter().map(ToString::to_string).collect();
            anyhow::anyhow!("{}: {}", path.display(), wrong.join("\n"))
        })?;
        let mut see = |case: &Case| coverage.add(case);
        let summary = tests::run_and_see(&read, &engine, wall_clock(), &mut see);
        count += summary.tests;
        requests += summary.requests;
        failed += summary.failures.len();
        for failure in &summary.failures {
            println!("FAILED  {}: {failure}", failure.path);
            println!("{}", show::text(&failure.case));
        }
    }
    if count == 0 {
        bail!("there are no tests: write a member `tests`, see docs/explain.md");
    }
    let result = if failed == 0 {
        "ok".to_owned()
    } else {
        format!("{failed} FAILED")
    };
    println!("{count} tests, {requests} requests: {result}");
    let least = arguments.min.map_or(0, usize::from);
    let is_enough = coverage.percent() >= least;
    if arguments.coverage || !is_enough {
        let (covered, all) = coverage.count();
        println!("coverage {} % ({covered} of {all})", coverage.percent());
        for (place, what) in coverage.missing() {
            println!("  {place}  {what}");
        }
    }
    if !is_enough {
        eprintln!("error: the tests cover less than {least} %");
    }
    Ok(if failed == 0 && is_enough {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn listed(errors: &[registry_auth_engine::config::ConfigError]) -> String {
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    errors.join("; ")
}
