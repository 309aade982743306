//! `registry-auth run`: a zot file and a registry become a running proxy.
//!
//! One process completes and renders the file, runs Envoy with the module, does the work of `serve`
//! for it, and makes changes of the file live.

mod admin;
mod binary;
mod certificates;
mod change;
mod confirm;
mod end;
mod folder;
mod hint;
mod itself;
pub(crate) mod launcher;
mod lines;
mod live;
mod metrics;
mod options;
mod pages;
mod plan;
mod possible;
mod process;
mod proxy;
mod runner;
mod setup;
mod signals;
mod summary;
mod watch;

use std::process::ExitCode;

use anyhow::Context as _;
use registry_auth_engine::config::ConfigError;

use crate::{logging, module};
pub(crate) use options::Arguments;

use binary::Binary;
use plan::Reading;

/// The exit status for wrong usage.
const USAGE: u8 = 2;

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// Something that is needed is missing or cannot be used; the message says what.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Reading { plan, files } = plan::read(&arguments.config, &arguments.upstream.options(true))?;
    let plan = match plan {
        Ok(plan) => plan,
        Err(errors) => {
            return Ok(refused(&errors));
        }
    };
    if let Some(problem) = itself::problem(&plan, arguments) {
        anyhow::bail!(problem);
    }
    let binary = Binary::find(arguments.envoy.as_deref())?;
    binary.suffices(plan.whole_certificate)?;
    let module = match &arguments.module {
        Some(file) => module::read(file)?,
        None => module::embedded()?.to_vec(),
    };
    if arguments.check {
        summary::print(&plan, &binary, &files, arguments)?;
        return Ok(ExitCode::SUCCESS);
    }
    logging::start(plan.log_level.as_deref());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime")?;
    let ended = runtime.block_on(runner::run(arguments, plan, files, &binary, &module));
    // Does not wait for blocking tasks, such as a DNS lookup that hangs.
    runtime.shutdown_background();
    ended.map(|()| ExitCode::SUCCESS)
}

/// Prints the errors; those of an option are wrong usage.
fn refused(errors: &[ConfigError]) -> ExitCode {
    for error in errors {
        eprintln!("error: {error}");
    }
    if errors.iter().any(|error| error.path.starts_with("--")) {
        ExitCode::from(USAGE)
    } else {
        ExitCode::FAILURE
    }
}
