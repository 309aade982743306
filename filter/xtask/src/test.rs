//! `cargo xtask test`: runs what CI runs, the fastest first.

mod counts;
mod step;
mod steps;

use std::time::Instant;

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
    let steps: Vec<_> = STEPS.iter().filter(wanted).collect();
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
