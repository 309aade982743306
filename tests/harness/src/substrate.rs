//! What scenarios run on, and how they are run.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Result, ensure};
use registry_auth_engine::time::UnixTime;

use crate::client::Request;
use crate::expect::Outcome;
use crate::scenario::{Config, Row, Scenarios};

/// The client's address, which the host adds to `x-forwarded-for`.
pub const CLIENT: &str = "127.0.0.1";
/// The push key of the scenarios, as `REGISTRY_AUTH_PUSH_KEY`.
pub const PUSH_KEY: &str = "scenario-push-key-scenario-push-key";
/// What the scenarios' upstream is sent, as `REGISTRY_UPSTREAM_AUTHORIZATION`.
pub const UPSTREAM_AUTHORIZATION: &str = "Basic dXBzdHJlYW06c2VjcmV0";
/// The environment that the filter sees.
pub const ENVIRONMENT: [(&str, &str); 2] = [
    ("REGISTRY_AUTH_PUSH_KEY", PUSH_KEY),
    ("REGISTRY_UPSTREAM_AUTHORIZATION", UPSTREAM_AUTHORIZATION),
];

/// Each scenario row is sent this often: what a cache answers must equal what was worked out.
const REPEATS: usize = 2;

/// A place where the filter, or its engine, runs with several configurations at once.
pub trait Substrate {
    /// Serves one more configuration; the number names it in [`Self::send`].
    ///
    /// # Errors
    /// The configuration is refused, or the substrate is broken.
    fn serve(&mut self, config: &Config) -> Result<usize>;

    /// Called once, after all configurations and before the first request.
    ///
    /// # Errors
    /// The substrate does not start.
    fn start(&mut self) -> Result<()>;

    /// Sends a request to a configuration.
    ///
    /// # Errors
    /// There is no outcome: nothing answered in time, the module trapped, the proxy broke.
    fn send(&mut self, config: usize, request: &Request) -> Result<Outcome>;

    /// Now, by the clock that the filter sees.
    fn now(&self) -> UnixTime {
        now()
    }
}

/// Now, by the system's clock.
#[must_use]
pub fn now() -> UnixTime {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    UnixTime::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A row that failed, or a configuration that is not served.
#[derive(Debug)]
pub struct Failure {
    /// Name of the file.
    pub file: String,
    /// Name of the row; `None`: no row of a configuration was sent.
    pub row: Option<String>,
    /// The differences, for a reader.
    pub text: String,
}

/// Runs every row of every file and reports all failures together.
///
/// # Errors
/// The substrate does not start, or rows failed: one paragraph each, with file, row and
/// differences.
pub fn run(substrate: &mut dyn Substrate, files: &[Scenarios]) -> Result<()> {
    let rows: usize = files.iter().map(|file| file.rows.len()).sum();
    let failures = failures(substrate, files)?;
    let texts: Vec<_> = failures.iter().map(|failure| &*failure.text).collect();
    ensure!(
        failures.is_empty(),
        "{} of {rows} rows failed\n\n{}\n",
        failures.len(),
        texts.join("\n\n")
    );
    Ok(())
}

/// Runs every row of every file and returns what failed.
///
/// # Errors
/// The substrate does not start.
pub fn failures(substrate: &mut dyn Substrate, files: &[Scenarios]) -> Result<Vec<Failure>> {
    let mut numbers = Vec::new();
    let mut failures = Vec::new();
    for file in files {
        for (name, config) in &file.configs {
            match substrate.serve(config) {
                Ok(number) => numbers.push((&file.name, name, number)),
                Err(error) => failures.push(Failure {
                    file: file.name.clone(),
                    row: None,
                    text: format!("{}.json, config `{name}`: {error:#}", file.name),
                }),
            }
        }
    }
    substrate.start()?;
    for file in files {
        for row in &file.rows {
            let number = numbers
                .iter()
                .find(|(in_file, name, _)| **in_file == file.name && **name == row.config);
            let Some((_, _, number)) = number else {
                continue;
            };
            let differences = run_row(substrate, *number, file, row);
            if !differences.is_empty() {
                let list = differences.join("\n    ");
                failures.push(Failure {
                    file: file.name.clone(),
                    row: Some(row.name.clone()),
                    text: format!(
                        "{}.json, `{}` ({})\n    {list}",
                        file.name, row.name, row.request
                    ),
                });
            }
        }
    }
    Ok(failures)
}

fn run_row(
    substrate: &mut dyn Substrate,
    config: usize,
    file: &Scenarios,
    row: &Row,
) -> Vec<String> {
    let request = match file.request(row, substrate.now()) {
        Ok(request) => request,
        Err(error) => return vec![format!("{error:#}")],
    };
    for _ in 0..REPEATS {
        let differences = match substrate.send(config, &request) {
            Ok(outcome) => row.expect.differences(&request, &outcome),
            Err(error) => vec![format!("no outcome: {error:#}")],
        };
        if !differences.is_empty() {
            return differences;
        }
    }
    Vec::new()
}
