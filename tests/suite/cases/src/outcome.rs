//! The result of a test.

use std::fmt;

/// The result of a test.
pub type Outcome = Result<(), Failure>;

/// A failure, displayed without a backtrace, which tables of rows do not need.
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
