//! Sources of key sets, and the results of fetching from them.

use std::fmt;
use std::time::Duration;

use crate::keys::SourceKeys;

/// A place that key sets are fetched from.
pub(crate) trait Source {
    /// Fetches the key set once.
    ///
    /// # Errors
    /// There is no response, or it has no usable keys.
    fn fetch(&self) -> impl Future<Output = Result<Fetched, FetchError>> + Send;
}

/// The result of a successful fetch.
#[derive(Debug)]
pub(crate) struct Fetched {
    /// The keys.
    pub(crate) keys: SourceKeys,
    /// When to fetch again, if the source says so (`Cache-Control`); the configured interval
    /// otherwise.
    pub(crate) again_after: Option<Duration>,
}

/// Why a fetch failed. The message is one line for the log, without a token, a key or a part of a
/// secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FetchError {
    /// The kind of failure, for the metrics.
    pub(crate) failure: Failure,
    /// What happened, for the log.
    pub(crate) message: String,
}

/// The kinds of failed fetches in the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Failure {
    /// A file that the configuration names cannot be used.
    File,
    /// There is no connection, or it broke.
    Unreachable,
    /// There is no response in time.
    Timeout,
    /// A response with an error status.
    Refused,
    /// A response without usable keys.
    Unusable,
}

impl Failure {
    /// Returns the value of the label `outcome`.
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
    /// Creates an error with the message of its cause.
    pub(crate) fn new(failure: Failure, cause: &impl fmt::Display) -> Self {
        Self {
            failure,
            message: cause.to_string(),
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}
