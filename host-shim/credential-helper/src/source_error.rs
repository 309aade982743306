//! Why a source gives no token.

use crate::environment::FileError;
use crate::http::HttpError;

/// What a source gives no token for. No message holds a part of a token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// A variable is not set.
    #[error("{variable} is not set: {instead}")]
    NotSet {
        /// The variable.
        variable: String,
        /// What to do.
        instead: &'static str,
    },
    /// A variable, or a setting, has a value that cannot be used.
    #[error("{variable} {problem}")]
    Value {
        /// The variable, or what else has the value.
        variable: &'static str,
        /// What is wrong, and what to write.
        problem: &'static str,
    },
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// A service gives no token.
    #[error("{service} {error}{advice}")]
    Http {
        /// The service.
        service: &'static str,
        /// Why.
        error: HttpError,
        /// What to do, after a colon; or nothing.
        advice: &'static str,
    },
    /// An answer is not what is expected.
    #[error("the answer of {service} has no {what}")]
    Answer {
        /// The service.
        service: &'static str,
        /// What is missing.
        what: &'static str,
    },
    /// The Workload API refuses.
    #[error("the Workload API answers with the gRPC status {status}{}", advice(*.status))]
    Grpc {
        /// The status.
        status: u32,
    },
    /// A program gives no token.
    #[error("`{program}` {problem}")]
    Program {
        /// The program.
        program: String,
        /// What is wrong.
        problem: String,
    },
}

// Codes of gRPC (doc/statuscodes.md).
const PERMISSION_DENIED: u32 = 7;
const UNAVAILABLE: u32 = 14;

/// What to do about a status.
const fn advice(status: u32) -> &'static str {
    match status {
        PERMISSION_DENIED => ": no entry matches this workload: register it",
        UNAVAILABLE => ": the agent has no connection to its server",
        _ => "",
    }
}
