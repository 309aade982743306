//! The command line, as `cargo xtask bench` passes it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};

use crate::rounds::Plan;

/// Starts of Envoy over which the figures of the documentation are medians, at least.
const STARTS: usize = 5;

/// The options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// How long and how often.
    pub(crate) plan: Plan,
    /// True for a brief run with the built-in load generator, to check that everything works.
    pub(crate) quick: bool,
    /// Names or letters of rows; all when empty.
    pub(crate) rows: Vec<String>,
    /// True if instructions are counted instead, by callgrind.
    pub(crate) instructions: bool,
    /// The program zot, if it is measured too.
    pub(crate) zot: Option<PathBuf>,
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
            instructions: false,
            zot: None,
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
                "--instructions" => options.instructions = true,
                "--rows" => {
                    options.rows = value()?.split(',').map(str::to_owned).collect();
                }
                "--zot" => options.zot = Some(value()?.into()),
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
        ensure!(
            !options.write || options.plan.rounds >= STARTS,
            "`--write` wants at least {STARTS} rounds: starts of Envoy differ"
        );
        Ok(options)
    }

    /// Returns true if the figures other than the rows are measured too.
    pub(crate) const fn has_figures(&self) -> bool {
        self.rows.is_empty()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_into_the_documentation_has_five_starts_and_all_rows() {
        let read = |line: &str| {
            Options::read(line.split_whitespace().map(str::to_owned))
                .map_err(|error| error.to_string())
        };
        assert!(read("--write --rounds 5").unwrap().write);
        for wrong in ["--write --rounds 4", "--write --rows e", "--write --quick"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
        let options = read("--zot /opt/zot --rounds 1").unwrap();
        assert_eq!(options.zot, Some("/opt/zot".into()));
    }
}
