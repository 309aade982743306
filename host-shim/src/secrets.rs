//! Fetches keys from AWS Secrets Manager.

use std::error::Error;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::Builder;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use registry_auth_engine::config::raw::AwsSecretsManager;
use registry_auth_engine::keys::algorithm::Algorithm;
use registry_auth_engine::keys::{KeysError, SigningKeyError};

use crate::keys::{self, SourceKeys};
use crate::source::{Failure, FetchError, Fetched, Source};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const OPERATION_TIMEOUT: Duration = Duration::from_secs(15);

/// Why a secret could not be fetched or used. No message holds a part of the secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    /// Secrets Manager returned an error.
    #[error("Secrets Manager returned {code}: {message}")]
    Refused {
        /// The code of the error, such as `ResourceNotFoundException`.
        code: String,
        /// The message of the service.
        message: String,
    },
    /// There is no response, or it cannot be read.
    #[error("cannot reach Secrets Manager: {0}")]
    Unreachable(String),
    /// There is no response in time.
    #[error("cannot reach Secrets Manager: timed out")]
    Timeout,
    /// The secret is stored as bytes.
    #[error("the secret is stored as SecretBinary, it must be SecretString")]
    Binary,
    /// The secret has neither text nor bytes.
    #[error("the secret has no value")]
    Missing,
    /// The text has no usable verification key.
    #[error("the secret cannot be used: {0}")]
    Unusable(#[from] KeysError),
    /// The text has no usable signing key.
    #[error("the secret cannot be used: {0}")]
    NotSigning(#[from] SigningKeyError),
    /// Some entries are invalid, and `strict` is set.
    #[error("the secret is refused because `strict` is set: {0}")]
    Strict(String),
}

/// A secret in AWS Secrets Manager, with the client that reads it.
pub(crate) struct SecretsManager {
    client: Client,
    secret_name: String,
    content: Content,
}

/// The kind of keys in a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// Verification keys.
    Verifying {
        /// `strict`: one invalid entry makes the whole secret invalid.
        strict: bool,
    },
    /// A private signing key.
    Signing {
        /// `algorithm`
        algorithm: Algorithm,
        /// `keyId`
        key_id: Option<String>,
    },
}

impl SecretsManager {
    /// Creates a client for the secret that `config` names, with the default credential chain.
    /// Sends nothing yet.
    pub(crate) async fn connect(config: &AwsSecretsManager, content: Content) -> Self {
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let shared = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(config.region.clone()))
            .timeout_config(timeouts)
            .load()
            .await;
        // The refresher retries; retries of the SDK inside them would hide an outage.
        let client = Client::from_conf(
            Builder::from(&shared)
                .retry_config(RetryConfig::disabled())
                .build(),
        );
        Self {
            client,
            secret_name: config.secret_name.clone(),
            content,
        }
    }
}

impl Source for SecretsManager {
    async fn fetch(&self) -> Result<Fetched, FetchError> {
        let answer = self
            .client
            .get_secret_value()
            .secret_id(&self.secret_name)
            .send()
            .await
            .map_err(describe)?;
        let keys = match (answer.secret_string(), answer.secret_binary()) {
            (Some(text), _) => self.content.read(text)?,
            (None, Some(_)) => return Err(SecretError::Binary.into()),
            (None, None) => return Err(SecretError::Missing.into()),
        };
        Ok(Fetched {
            keys,
            again_after: None,
        })
    }
}

impl From<SecretError> for FetchError {
    fn from(error: SecretError) -> Self {
        let failure = match &error {
            SecretError::Refused { .. } => Failure::Refused,
            SecretError::Unreachable(_) => Failure::Unreachable,
            SecretError::Timeout => Failure::Timeout,
            SecretError::Binary
            | SecretError::Missing
            | SecretError::Unusable(_)
            | SecretError::NotSigning(_)
            | SecretError::Strict(_) => Failure::Unusable,
        };
        Self::new(failure, &error)
    }
}

impl Content {
    fn read(&self, text: &str) -> Result<SourceKeys, SecretError> {
        match self {
            Self::Verifying { strict } => read(text, *strict),
            Self::Signing { algorithm, key_id } => {
                Ok(keys::from_pem(text, *algorithm, key_id.as_deref())?)
            }
        }
    }
}

/// Reads the verification keys of a secret. With `strict`, one invalid entry is an error.
fn read(text: &str, strict: bool) -> Result<SourceKeys, SecretError> {
    let keys = keys::from_secret(text)?;
    if strict && !keys.skipped.is_empty() {
        let entries: Vec<_> = keys
            .skipped
            .iter()
            .map(|entry| format!("`{}`: {}", entry.key_id, entry.reason))
            .collect();
        return Err(SecretError::Strict(entries.join("; ")));
    }
    Ok(keys)
}

/// Keeps the message of the service and the chain of causes. The error's own `Debug` is never
/// printed: it holds the response.
fn describe(error: SdkError<GetSecretValueError>) -> SecretError {
    match error {
        SdkError::TimeoutError(_) => SecretError::Timeout,
        SdkError::ServiceError(context) => SecretError::Refused {
            code: context
                .err()
                .code()
                .unwrap_or("an unknown error")
                .to_owned(),
            message: one_line(context.err().message().unwrap_or("without a message")),
        },
        SdkError::DispatchFailure(failure) if failure.is_timeout() => SecretError::Timeout,
        SdkError::DispatchFailure(failure) => SecretError::Unreachable(
            failure
                .as_connector_error()
                .map_or_else(|| "connection failed".to_owned(), |error| causes(error)),
        ),
        SdkError::ResponseError(_) => {
            SecretError::Unreachable("the response is not from Secrets Manager".to_owned())
        }
        other => SecretError::Unreachable(
            other
                .into_source()
                .map_or_else(|_| "request not sent".to_owned(), |error| causes(&*error)),
        ),
    }
}

/// Errors of the SDK that say nothing but their cause.
const HOLLOW: [&str; 4] = [
    "other",
    "dispatch failure",
    "unexpected credentials error",
    "the credential provider was not enabled",
];
/// How the error begins that lists every place in which the SDK looked for credentials.
const NO_CREDENTIALS: &str = "no credentials found in chain";
/// Maximum number of characters of what the SDK or the service says.
const MAX_MESSAGE: usize = 300;

/// Formats an error and its causes in one line.
fn causes(error: &(dyn Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    let said: Vec<_> = chain
        .map(ToString::to_string)
        .map(|message| if message.starts_with(NO_CREDENTIALS) {
            "found no AWS credentials: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the pod or instance a role".to_owned()
        } else {
            message
        })
        .filter(|message| !HOLLOW.contains(&message.as_str()))
        .collect();
    one_line(&said.join(": "))
}

/// Makes a text one line of at most [`MAX_MESSAGE`] characters.
fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_MESSAGE) {
        Some((end, _)) => format!("{}...", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_that_gives_no_keys_says_what_was_found() {
        let rows = [
            ("", "it is empty"),
            ("  \n", "it is empty"),
            ("tops3cret", "it is not acceptable JSON"),
            ("[]", "it is an array"),
            ("{}", "it is empty"),
            (
                r#"{"a":"tops3cret"}"#,
                "it holds no usable key (`a`: it holds no PEM block)",
            ),
        ];
        for (text, found) in rows {
            let message = read(text, false).unwrap_err().to_string();
            assert!(
                message.starts_with(&format!("the secret cannot be used: {found}")),
                "{text}: {message}"
            );
            assert!(
                !message.contains("tops3cret") && !message.contains('\n'),
                "{message}"
            );
        }
    }

    #[test]
    fn a_secret_that_should_sign_and_does_not_says_why_and_not_what() {
        let content = Content::Signing {
            algorithm: Algorithm::Es256,
            key_id: None,
        };
        let rows = [
            (
                "tops3cret",
                "the secret cannot be used: it is not the PEM text of a private key",
            ),
            (
                r#"{"a":"tops3cret"}"#,
                "the secret cannot be used: it is not the PEM text of a private key",
            ),
            (
                "-----BEGIN EC PRIVATE KEY-----\nMHcC\n-----END EC PRIVATE KEY-----\n",
                "the secret cannot be used: it holds a PEM block `EC PRIVATE KEY`; write PKCS#8",
            ),
        ];
        for (text, found) in rows {
            let message = content.read(text).unwrap_err().to_string();
            assert!(message.starts_with(found), "{text}: {message}");
            assert!(
                !message.contains("tops3cret") && !message.contains("MHcC"),
                "{message}"
            );
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("{0}")]
    struct Outer(&'static str, #[source] std::io::Error);

    #[test]
    fn causes_are_one_short_line() {
        let long: &'static str = "a long story ".repeat(100).leak();
        let rows = [
            ("no\n connection", "refused", "no connection: refused"),
            ("other", "refused", "refused"),
            (
                "other",
                "no credentials found in chain. Attempted:\n Environment: not set",
                "found no AWS credentials: set AWS_PROFILE",
            ),
            ("other", long, "a long story a long story"),
        ];
        for (outer, inner, expected) in rows {
            let line = causes(&Outer(outer, std::io::Error::other(inner)));
            assert!(line.starts_with(expected), "{line}");
            assert!(!line.contains("Attempted"), "{line}");
            assert!(
                line.len() <= MAX_MESSAGE + 3 && !line.contains('\n'),
                "{line}"
            );
        }
    }
}
