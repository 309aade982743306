//! What a test ends with.

use std::fmt;

/// What a test ends with.
pub type Outcome = Result<(), Failure>;

/// A failure that shows as its text alone: a table of rows has no use for a backtrace.
pub struct Failure(anyhow::Error);

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self(error)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:#}", self.0)
    }
}
