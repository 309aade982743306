//! Configuration errors: all of them, each with its place.

use std::fmt;

/// One thing that is wrong with a configuration, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigError {
    /// Where: a JSON path such as `http.auth.bearer.oidc[0].issuer`; empty for the document itself.
    pub path: String,
    /// What is wrong and what to write instead: lower case, one line, never a secret.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            formatter.write_str(&self.message)
        } else {
            write!(formatter, "{}: {}", self.path, self.message)
        }
    }
}

/// What is collected while a configuration is read and compiled: errors refuse it, warnings are
/// only reported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    /// Each of these refuses the configuration.
    pub errors: Vec<ConfigError>,
    /// Each of these is logged at start and shown by `registry-auth check`.
    pub warnings: Vec<ConfigError>,
}

impl Diagnostics {
    /// Adds an error. Both texts may quote anything; they are kept on one line.
    pub fn error(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.errors.push(ConfigError {
            path: one_line(&path.into()),
            message: one_line(&message.into()),
        });
    }

    /// Adds the error of a result, if it is one; otherwise returns its value.
    pub fn accept<T, E: fmt::Display>(
        &mut self,
        path: impl Into<String>,
        result: Result<T, E>,
    ) -> Option<T> {
        result
            .map_err(|error| self.error(path, error.to_string()))
            .ok()
    }

    /// Adds a warning, as [`Diagnostics::error`] adds an error.
    pub fn warn(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.warnings.push(ConfigError {
            path: one_line(&path.into()),
            message: one_line(&message.into()),
        });
    }
}

/// Line ends and other control characters escaped, so that no text in a configuration can look like
/// a line of the log.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_one_line_whatever_it_quotes() {
        let mut found = Diagnostics::default();
        found.error("a[\"x\ny\"]", "`1h\n` is no\tduration\u{85}");
        found.warn("\r", "\u{1b}[2J");
        let notes: Vec<_> = found
            .errors
            .iter()
            .chain(&found.warnings)
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            notes,
            [
                r#"a["x\ny"]: `1h\n` is no\tduration\u{85}"#,
                r"\r: \u{1b}[2J"
            ]
        );
    }
}
