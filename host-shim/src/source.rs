//! Where key sets come from, and what comes of asking there.

use std::fmt;
use std::time::Duration;

use crate::keys::SourceKeys;

/// A place that gives key sets when it is asked.
pub(crate) trait Source {
    /// Asks once.
    ///
    /// # Errors
    /// There is no answer, or no set of keys in it.
    fn fetch(&self) -> impl Future<Output = Result<Fetched, FetchError>> + Send;
}

/// A good answer.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// The keys.
    pub(crate) keys: SourceKeys,
    /// When to ask again, if the source has a say in it; else the configured interval counts.
    pub(crate) again_after: Option<Duration>,
}

/// Why there are no keys. The message is one line for the log, without a token, a key or a part of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FetchError {
    /// Of which kind it is.
    pub(crate) failure: Failure,
    /// What happened.
    pub(crate) message: String,
}

/// The kinds of failed fetches that the metrics tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Failure {
    /// A file that the configuration names cannot be used.
    File,
    /// No connection, or one that broke.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// An answer that says no.
    Refused,
    /// An answer without keys that can be used.
    Unusable,
}

impl Failure {
    /// Its name in the metrics.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Unreachable => "unreachable",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
            Self::Unusable => "unusable",
        }
    }
}

impl FetchError {
    /// An error with the text of its cause.
    pub(crate) fn new(failure: Failure, cause: &impl fmt::Display) -> Self {
        Self { failure, message: cause.to_string() }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}
