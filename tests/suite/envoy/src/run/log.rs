//! What `run` has logged.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

/// Never in a log.
const SECRETS: [&str; 4] = ["tops3cret", "PRIVATE", "BEGIN", "eyJ"];

/// The log of a `run`, in a file.
#[derive(Clone)]
pub(super) struct Log(pub(super) PathBuf);

impl Log {
    /// Returns its text.
    pub(super) fn text(&self) -> String {
        std::fs::read_to_string(&self.0).unwrap_or_default()
    }

    /// Returns the lines so far. Fails if one is not JSON, has no level, or holds a secret. The last
    /// line may be an error of the program, which is plain text.
    pub(super) fn lines(&self) -> Result<Vec<Value>> {
        let text = self.text();
        for secret in SECRETS {
            ensure!(!text.contains(secret), "the log holds `{secret}`:\n{text}");
        }
        let complete = text.rsplit_once('\n').map_or("", |(complete, _)| complete);
        let lines = complete
            .lines()
            .filter(|line| !line.starts_with("error: "))
            .map(|line| {
                serde_json::from_str(line).with_context(|| format!("not JSON: {line}\n{text}"))
            });
        let lines: Vec<Value> = lines.collect::<Result<_>>()?;
        let bare = lines
            .iter()
            .find(|line| line.get("level").is_none() || line.get("timestamp").is_none());
        ensure!(bare.is_none(), "no level or time: {bare:?}");
        Ok(lines)
    }

    /// Returns the lines whose message is or begins with this.
    pub(super) fn with(&self, message: &str) -> Result<Vec<Value>> {
        let says = |line: &Value| {
            line.get("message")
                .and_then(Value::as_str)
                .is_some_and(|said| said.starts_with(message))
        };
        Ok(self.lines()?.into_iter().filter(says).collect())
    }
}
