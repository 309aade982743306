//! Counts tests by the lines with which they end.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::process;

/// Numbers of tests that passed and failed so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) passed: u64,
    pub(super) failed: u64,
}

impl Counts {
    /// Forwards the output of the tests, and counts them.
    ///
    /// # Errors
    /// The command fails, or runs no test.
    pub(super) fn run(&mut self, command: &mut Command) -> anyhow::Result<()> {
        let line = process::line_of(command);
        let before = self.passed;
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start `{line}`"))?;
        let stdout = child.stdout.take().context("the tests have no output")?;
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line.context("the output of the tests ends early")?;
            let line = String::from_utf8_lossy(&line);
            eprintln!("{line}");
            self.read(&line);
        }
        process::succeeded(&line, child.wait()?)?;
        if self.passed == before {
            bail!("`{line}` ran no test");
        }
        Ok(())
    }

    /// Adds the numbers of a line `test result: ok. 12 passed; 0 failed; ...`; ignores any other
    /// line.
    fn read(&mut self, line: &str) {
        let Some((_, counts)) = line
            .strip_prefix("test result: ")
            .and_then(|result| result.split_once(". "))
        else {
            return;
        };
        for count in counts.split("; ") {
            match count
                .split_once(' ')
                .map(|(number, what)| (number.parse::<u64>(), what))
            {
                Some((Ok(number), "passed")) => self.passed += number,
                Some((Ok(number), "failed")) => self.failed += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
