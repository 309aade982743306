//! What came of tests, in whatever form it is written.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use registry_auth_policy::tests::{PolicyTest, Summary};
use registry_auth_policy::{plain, show};

use super::{STANDARD, junit, tap};

/// What came of all tests.
pub(super) struct Outcomes {
    pub(super) suites: Vec<Suite>,
    /// Lines about all of them.
    pub(super) remarks: Vec<String>,
}

/// The tests of one file, or those that were sent to a proxy.
pub(super) struct Suite {
    /// The file, or the URL of the proxy.
    pub(super) name: String,
    /// Each test, in order.
    pub(super) tests: Vec<Tested>,
    /// How many requests were made.
    pub(super) requests: usize,
    /// The proxy is named in front of its numbers.
    pub(super) is_live: bool,
}

/// What came of one test.
pub(super) struct Tested {
    pub(super) path: String,
    pub(super) name: String,
    /// Why it was left out, if it was.
    pub(super) left_out: Option<&'static str>,
    pub(super) problems: Vec<Problem>,
}

/// A promise that does not hold.
pub(super) struct Problem {
    /// What was expected and what came, in one line.
    pub(super) what: String,
    /// The requests with the rules that decided.
    pub(super) trace: String,
}

impl Suite {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            tests: Vec::new(),
            requests: 0,
            is_live: false,
        }
    }

    /// Adds what came of one test.
    pub(super) fn add(&mut self, test: &PolicyTest, summary: &Summary) {
        let problems = summary.failures.iter().map(|failure| Problem {
            what: failure.to_string(),
            trace: show::text(&failure.case),
        });
        self.requests += summary.requests;
        self.tests.push(Tested {
            path: test.path.clone(),
            name: test.name.clone(),
            left_out: None,
            problems: problems.collect(),
        });
    }

    /// How many promises do not hold.
    fn failed(&self) -> usize {
        self.tests.iter().map(|test| test.problems.len()).sum()
    }

    fn left_out(&self) -> usize {
        self.tests
            .iter()
            .filter(|test| test.left_out.is_some())
            .count()
    }
}

impl Outcomes {
    /// How many promises do not hold.
    pub(super) fn failed(&self) -> usize {
        self.suites.iter().map(Suite::failed).sum()
    }

    /// Writes the results: text or TAP to standard output, unless that is for `JUnit`.
    ///
    /// # Errors
    /// The file cannot be written.
    #[expect(
        clippy::print_stdout,
        reason = "the result is what the command is asked for"
    )]
    pub(super) fn write(&self, as_tap: bool, junit: Option<&Path>) -> anyhow::Result<()> {
        match junit {
            Some(path) if path.as_os_str() == STANDARD => {
                print!("{}", junit::document(self));
                return Ok(());
            }
            Some(path) => fs::write(path, junit::document(self))
                .with_context(|| format!("cannot write `{}`", path.display()))?,
            None => {}
        }
        if as_tap {
            print!("{}", tap::document(self));
        } else {
            print!("{}", self.text());
        }
        Ok(())
    }

    fn text(&self) -> String {
        let mut lines = Vec::new();
        for suite in &self.suites {
            for test in &suite.tests {
                lines.extend(test.left_out.map(|why| {
                    plain::line(&format!("not sent  {}: {why}", test.name)).into_owned()
                }));
                for Problem { what, trace } in &test.problems {
                    lines.push(plain::line(&format!("FAILED  {}: {what}", test.path)).into_owned());
                    lines.push(trace.clone());
                }
            }
        }
        lines.extend(self.sums());
        lines.extend(self.remarks.iter().cloned());
        lines.join("\n") + "\n"
    }

    /// The numbers: a line about all files, and one about a proxy.
    pub(super) fn sums(&self) -> Vec<String> {
        let of = |is_live: bool| {
            self.suites
                .iter()
                .filter(move |suite| suite.is_live == is_live)
        };
        let result = |failed: usize| match failed {
            0 => "ok".to_owned(),
            _ => format!("{failed} FAILED"),
        };
        let sum = |count: fn(&Suite) -> usize| of(false).map(count).sum::<usize>();
        let (tests, requests) = (sum(|suite| suite.tests.len()), sum(|suite| suite.requests));
        let failed = result(sum(Suite::failed));
        let (tests, requests) = (counted(tests, "test"), counted(requests, "request"));
        let mut lines = vec![format!("{tests}, {requests}: {failed}")];
        lines.extend(of(true).map(|suite| {
            let sent = suite.tests.len() - suite.left_out();
            format!(
                "{}: {}, {} sent, {} not sent: {}",
                suite.name,
                counted(sent, "test"),
                counted(suite.requests, "read"),
                counted(suite.left_out(), "test"),
                result(suite.failed())
            )
        }));
        lines
    }
}

/// A number of things.
fn counted(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}
