//! What the login service answers.

use std::fmt;

use serde_json::{Value, json};

use crate::json;

/// The longest token in an answer, in bytes.
const MAX_TOKEN: usize = 48 * 1024;

/// The longest wait that is passed on to a client, in seconds.
const MAX_RETRY: u32 = 3600;

/// How long a client waits where an answer does not say, in seconds.
const RETRY: u32 = 5;

/// The answer to a question, or the lack of one.
#[derive(Clone, PartialEq, Eq)]
pub enum LoginAnswer {
    /// A token of the user.
    Token(String),
    /// No user has this name and secret. An unknown name, a wrong password, an unknown, expired or
    /// deleted key are never distinguished.
    WrongPassword,
    /// Too many wrong ones for this name or from this address.
    TooManyAttempts {
        /// Seconds after which the client may try again.
        retry_after: u32,
    },
    /// It is not known.
    Unavailable {
        /// Why.
        why: Unavailable,
        /// Seconds after which the client may try again.
        retry_after: u32,
    },
}

/// Why a login service has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unavailable {
    /// A directory or a provider does not answer.
    Directory,
    /// Too many wait already.
    Busy,
    /// The store of keys and sessions does not answer.
    Store,
    /// The service does not answer, or not as it should. Never sent.
    Service,
}

impl Unavailable {
    /// The text in an answer, and in the log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Directory => "directory_unavailable",
            Self::Busy => "busy",
            Self::Store => "store_unavailable",
            Self::Service => "service_unavailable",
        }
    }
}

const WRONG_PASSWORD: &str = "wrong_password";
const TOO_MANY_ATTEMPTS: &str = "too_many_attempts";

impl LoginAnswer {
    /// No answer came, or another than a login service sends.
    pub const NONE: Self = Self::Unavailable {
        why: Unavailable::Service,
        retry_after: RETRY,
    };

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Token(_) => 200,
            Self::WrongPassword => 401,
            Self::TooManyAttempts { .. } => 429,
            Self::Unavailable { .. } => 503,
        }
    }

    /// The value of `Retry-After` (RFC 9110 section 10.2.3).
    #[must_use]
    pub const fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Token(_) | Self::WrongPassword => None,
            Self::TooManyAttempts { retry_after } | Self::Unavailable { retry_after, .. } => {
                Some(*retry_after)
            }
        }
    }

    /// The body, of the type `application/json`.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let body = match self {
            Self::Token(token) => json!({ "token": token }),
            Self::WrongPassword => json!({ "reason": WRONG_PASSWORD }),
            Self::TooManyAttempts { .. } => json!({ "reason": TOO_MANY_ATTEMPTS }),
            Self::Unavailable { why, .. } => json!({ "reason": why.as_str() }),
        };
        body.to_string().into_bytes()
    }

    /// Reads a response. Whatever is no answer is [`LoginAnswer::NONE`]: a status alone says
    /// nothing, as a proxy in between has statuses of its own.
    #[must_use]
    pub fn read(status: u16, retry_after: Option<&[u8]>, body: &[u8]) -> Self {
        let Ok(Value::Object(members)) = json::parse(body) else {
            return Self::NONE;
        };
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let retry_after = retry_after
            .and_then(|value| std::str::from_utf8(value).ok()?.trim().parse().ok())
            .map_or(RETRY, |seconds: u32| seconds.clamp(1, MAX_RETRY));
        let unavailable = |why| Self::Unavailable { why, retry_after };
        match (status, text("token"), text("reason")) {
            (200, Some(token), None) if token.len() <= MAX_TOKEN => Self::Token(token.to_owned()),
            (401, None, Some(WRONG_PASSWORD)) => Self::WrongPassword,
            (429, None, Some(TOO_MANY_ATTEMPTS)) => Self::TooManyAttempts { retry_after },
            (503, None, Some(reason)) => [
                Unavailable::Directory,
                Unavailable::Busy,
                Unavailable::Store,
            ]
            .into_iter()
            .find(|why| why.as_str() == reason)
            .map_or(Self::NONE, unavailable),
            _ => Self::NONE,
        }
    }
}

impl fmt::Debug for LoginAnswer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(_) => formatter.write_str("Token([redacted])"),
            Self::WrongPassword => formatter.write_str("WrongPassword"),
            Self::TooManyAttempts { retry_after } => {
                write!(formatter, "TooManyAttempts({retry_after})")
            }
            Self::Unavailable { why, retry_after } => {
                write!(formatter, "Unavailable({why:?}, {retry_after})")
            }
        }
    }
}
