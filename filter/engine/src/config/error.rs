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

/// What is collected while a configuration is read and compiled: errors refuse it, warnings are only told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    /// Each of these refuses the configuration.
    pub errors: Vec<ConfigError>,
    /// Each of these is logged at start and shown by `registry-auth check`.
    pub warnings: Vec<ConfigError>,
}

impl Diagnostics {
    /// Notes an error.
    pub fn error(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.errors.push(ConfigError { path: path.into(), message: message.into() });
    }

    /// Notes a warning.
    pub fn warn(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.warnings.push(ConfigError { path: path.into(), message: message.into() });
    }
}
