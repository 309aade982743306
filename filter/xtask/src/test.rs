//! `cargo xtask test`: runs what CI runs, the fastest first.

mod counts;
mod step;
mod steps;

use std::time::Instant;

use anyhow::Context as _;
use clap::Args;

use crate::workspace::Workspace;
use counts::Counts;
use step::{Part, Step};
use steps::STEPS;

/// Options of `cargo xtask test`; without any, everything runs.
#[derive(Args)]
pub(crate) struct Options {
    /// Run only the tests of one kind
    #[arg(long)]
    only: Option<Part>,
    /// Begin with this step, by its name: what is in front of it was done before
    #[arg(long, value_name = "STEP")]
    from: Option<String>,
}

/// Runs the steps in order, up to the first that fails.
///
/// # Errors
/// A step fails; its output is on the terminal.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    let wanted = |step: &&Step| match options.only {
        Some(only) => step.parts.contains(&only),
        None => step.parts.iter().any(|part| *part != Part::DynamicLong),
    };
    let mut steps: Vec<_> = STEPS.iter().filter(wanted).collect();
    if let Some(from) = &options.from {
        let names: Vec<_> = steps.iter().map(|step| step.name).collect();
        let first = names.iter().position(|name| name == from);
        let first = first.with_context(|| format!("no step `{from}`: {}", names.join(", ")))?;
        steps.drain(..first);
    }
    let began = Instant::now();
    let mut tests = Counts::default();
    for (number, step) in (1..).zip(&steps) {
        let place = format!("[{number}/{}] {}", steps.len(), step.name);
        eprintln!("{place}");
        let began = Instant::now();
        if let Err(error) = step.work.run(workspace, &mut tests) {
            eprintln!("{} passed, {} failed", tests.passed, tests.failed.max(1));
            return Err(error.context(place));
        }
        eprintln!("{place}: done in {:.1} s", began.elapsed().as_secs_f64());
    }
    eprintln!(
        "{} passed, {} failed in {:.0} s",
        tests.passed,
        tests.failed,
        began.elapsed().as_secs_f64()
    );
    Ok(())
}
