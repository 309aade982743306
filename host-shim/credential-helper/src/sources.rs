//! Fetches a token from its source. It is not checked here.

mod aws;
mod azure;
mod exec;
mod gcp;
mod github;
mod spiffe;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::environment::{Environment, FileError, read};
use crate::http::HttpError;
use crate::source::Source;

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
    /// A variable has a value that cannot be used.
    #[error("{variable} {problem}")]
    Value {
        /// The variable.
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
    #[error("the Workload API answers with the gRPC status {status}{}", spiffe::advice(*.status))]
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

impl Source {
    /// Fetches a token for an audience.
    ///
    /// # Errors
    /// See [`SourceError`].
    pub(crate) async fn fetch(
        &self,
        audience: &str,
        environment: &Environment,
    ) -> Result<String, SourceError> {
        match self {
            Self::Github => github::fetch(audience, environment).await,
            Self::Gitlab { variable } => of_variable(
                variable,
                environment,
                "give the job `id_tokens`, with this name and the registry as `aud`",
            ),
            Self::Env { variable } => of_variable(variable, environment, "put the token into it"),
            Self::File { path } | Self::Kubernetes { path } => Ok(read(path)?),
            Self::Gcp => gcp::fetch(audience, environment).await,
            Self::Aws { region } => aws::fetch(audience, region.as_deref(), environment).await,
            Self::Azure { client_id } => {
                azure::fetch(audience, client_id.as_deref(), environment).await
            }
            Self::Spiffe { id } => spiffe::fetch(audience, id.as_deref(), environment).await,
            Self::Exec { program, arguments } => exec::run(program, arguments, audience),
        }
    }
}

fn of_variable(
    variable: &str,
    environment: &Environment,
    instead: &'static str,
) -> Result<String, SourceError> {
    let value = environment.get(variable).map(str::to_owned);
    value.ok_or_else(|| SourceError::NotSet {
        variable: variable.to_owned(),
        instead,
    })
}

/// Returns a text as the value of a parameter of a query or a form (RFC 3986 section 2.3).
fn encoded(text: &str) -> String {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Returns the text that is a member of a JSON object.
fn member(text: &str, name: &str) -> Option<String> {
    let answer: Value = serde_json::from_str(text).ok()?;
    answer.get(name)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests;
