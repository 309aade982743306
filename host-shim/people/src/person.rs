//! A person whom some method has authenticated, or why it has not.

use std::fmt;
use std::time::Duration;

use registry_auth_engine::UnixTime;

/// The longest user name that is asked for, in bytes.
pub const MAX_USER: usize = 256;

/// A person whom a method has authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The user name that policies see; never empty.
    pub user: String,
    /// The groups that the method knows, in its order. Those of the configuration are added where
    /// a request is decided.
    pub groups: Vec<String>,
    /// How the person was authenticated.
    pub method: Method,
    /// What ends whatever this login made: the claim `sid` of its tokens.
    pub sid: String,
    /// No token of this login lives longer.
    pub not_after: Option<UnixTime>,
    /// Scopes that narrow what may be done (`repository:PATTERN:pull,push,delete`); none narrows
    /// nothing.
    pub scopes: Vec<String>,
}

/// How a person was authenticated: the claim `amr` (RFC 8176 has no values for these).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// By a line of the htpasswd file.
    Htpasswd,
    /// By a bind at the directory.
    Ldap,
    /// By an API key.
    ApiKey,
    /// By an OpenID provider, or GitHub, under its name in the configuration.
    OpenId(String),
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Htpasswd => formatter.write_str("htpasswd"),
            Self::Ldap => formatter.write_str("ldap"),
            Self::ApiKey => formatter.write_str("apikey"),
            Self::OpenId(provider) => write!(formatter, "openid:{provider}"),
        }
    }
}

/// Why nobody was authenticated. The first kind is the person's, the others are ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoginError {
    /// No such name, another password, or a key that has ended: no client learns which.
    #[error("wrong user name or password")]
    WrongPassword,
    /// Too many failures for this name and address.
    #[error("too many failed attempts")]
    TooManyAttempts {
        /// When the next attempt is checked.
        retry_after: Duration,
    },
    /// The answer is not known: a directory or a store does not answer, or too much is waiting.
    #[error("{reason}")]
    Unavailable {
        /// What is missing.
        reason: Unavailable,
        /// When it is worth another attempt.
        retry_after: Duration,
    },
}

/// What is missing to know an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unavailable {
    /// The directory does not answer, or refuses the service account.
    #[error("directory_unavailable")]
    Directory,
    /// The store of keys and sessions does not answer.
    #[error("store_unavailable")]
    Store,
    /// Too many logins wait.
    #[error("busy")]
    Busy,
}
