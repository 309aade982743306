//! What the pages need of the rest of the service.

use std::time::Duration;

use registry_auth_engine::UnixTime;
use registry_auth_engine::login::CallerIdentity;

use crate::ended::TooManyEnded;
use crate::person::{LoginError, Person, Unavailable};
use crate::secret::Secret;
use crate::social::http::Answer;

/// What the pages need of the rest of the service.
pub trait PagesApi: Send + Sync {
    /// Checks a password. `client` is the address that it comes from.
    fn password<'a>(
        &'a self,
        user: &'a str,
        password: Secret,
        client: Option<&'a str>,
    ) -> Answer<'a, Result<Person, LoginError>>;

    /// Returns true for a user name of the htpasswd file: nobody else may log in as that user.
    fn is_local(&self, user: &str) -> bool;

    /// Records that a person has logged in by a provider, for keys that end unless that happens.
    fn logged_in<'a>(&'a self, person: &'a Person) -> Answer<'a, Result<(), Unavailable>>;

    /// Ends a session of a user: `until` it would have ended anyway, its id is refused.
    fn end<'a>(
        &'a self,
        user: &'a str,
        id: &'a str,
        until: UnixTime,
    ) -> Answer<'a, Result<(), NotEnded>>;

    /// Returns the API keys of a user, in the order of the list.
    fn keys<'a>(&'a self, user: &'a str) -> Answer<'a, Result<Vec<KeyDetails>, Unavailable>>;

    /// Makes an API key.
    fn make_key<'a>(
        &'a self,
        owner: &'a CallerIdentity,
        key: NewKey,
    ) -> Answer<'a, Result<MadeKey, KeyRefused>>;

    /// Deletes an API key of this owner, and nobody else's.
    fn delete_key<'a>(
        &'a self,
        owner: &'a CallerIdentity,
        id: &'a str,
    ) -> Answer<'a, Result<(), KeyRefused>>;
}

/// An API key that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    /// What its owner calls it.
    pub label: String,
    /// What it is narrowed to; nothing narrows nothing.
    pub scopes: Vec<String>,
    /// When it ends, if it does.
    pub expires: Option<UnixTime>,
    /// `User-Agent` of the request.
    pub user_agent: String,
}

/// An API key that was made.
pub struct MadeKey {
    /// The key itself, which is shown once.
    pub secret: Secret,
    /// What is kept of it.
    pub details: KeyDetails,
    /// What its owner should know of its scopes.
    pub warning: Option<String>,
}

/// An API key as it is listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyDetails {
    /// Its id.
    pub id: String,
    /// What its owner calls it.
    pub label: String,
    /// What it is narrowed to.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created: UnixTime,
    /// When it was last used.
    pub last_used: Option<UnixTime>,
    /// When it ends.
    pub expires: Option<UnixTime>,
    /// Whether it has ended.
    pub is_expired: bool,
}

/// Why a session or a key is not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotEnded {
    /// The user has ended too much lately.
    #[error(transparent)]
    TooMany(#[from] TooManyEnded),
    /// The store does not answer.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Why a key is not made or not deleted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefused {
    /// The caller has no password or session: a key makes no keys.
    #[error("only somebody who has logged in may do this")]
    NotByThis,
    /// What was written cannot be used; with what to write instead.
    #[error("{0}")]
    Invalid(String),
    /// What it has made cannot be ended.
    #[error(transparent)]
    NotEnded(#[from] NotEnded),
    /// The store does not answer.
    #[error("{0}")]
    Unavailable(#[from] Unavailable),
}

/// How long keys of the form may last, in days, with the choice that is made when nobody chooses.
pub(super) const LIFETIMES: [(&str, Option<Duration>); 4] = [
    ("30 days", Some(Duration::from_hours(30 * 24))),
    ("90 days", Some(Duration::from_hours(90 * 24))),
    ("1 year", Some(Duration::from_hours(365 * 24))),
    ("no end", None),
];

impl std::fmt::Debug for MadeKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("MadeKey([redacted])")
    }
}
