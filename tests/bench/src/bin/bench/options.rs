//! The command line, as `cargo xtask bench` passes it.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::rounds::Plan;

/// The options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// How long and how often.
    pub(crate) plan: Plan,
    /// True for a brief run with the built-in load generator, to check that everything works.
    pub(crate) quick: bool,
    /// Names or letters of rows; all when empty.
    pub(crate) rows: Vec<String>,
    /// True if the figures other than the rows are measured too.
    pub(crate) figures: bool,
    /// True if the page of the documentation is written.
    pub(crate) write: bool,
}

impl Options {
    /// Reads arguments.
    ///
    /// # Errors
    /// One is unknown or lacks its value.
    pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Result<Self> {
        let plan = Plan {
            rounds: 5,
            time: Duration::from_secs(2),
            warm_up: Duration::from_secs(2),
            fresh: 4_000,
        };
        let mut options = Self {
            plan,
            quick: false,
            rows: Vec::new(),
            figures: true,
            write: false,
        };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .with_context(|| format!("`{argument}` lacks its value"))
            };
            match argument.as_str() {
                "--quick" => options.shorten(),
                "--write" => options.write = true,
                "--rows" => {
                    options.rows = value()?.split(',').map(str::to_owned).collect();
                    options.figures = false;
                }
                "--rounds" => {
                    options.plan.rounds = value()?.parse().context("`--rounds` is a number")?;
                }
                "--seconds" => {
                    options.plan.time =
                        Duration::from_secs(value()?.parse().context("`--seconds` is a number")?);
                }
                _ => bail!("`{argument}` is unknown"),
            }
        }
        ensure!(options.plan.rounds > 0, "`--rounds` is at least 1");
        ensure!(
            !options.write || (options.rows.is_empty() && !options.quick),
            "`--write` wants all rows, and no `--quick`"
        );
        Ok(options)
    }

    const fn shorten(&mut self) {
        self.quick = true;
        let time = Duration::from_millis(200);
        self.plan = Plan {
            rounds: 1,
            time,
            warm_up: Duration::from_millis(100),
            fresh: 200,
        };
    }
}
