//! What is kept of logins: API keys, what has ended, the groups of social logins.
//!
//! [`Embedded`] keeps it in one file of this process, [`Redis`] where several replicas share it.

mod embedded;
mod record;
mod redis;

use std::pin::Pin;

use registry_auth_engine::UnixTime;

pub use self::redis::{InvalidUrl, Redis};
pub use embedded::{Embedded, OpenError};
pub use record::{KeyDetails, KeyRecord, LoginRecord, Source, hash_of};

/// An answer of a store, later.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Why a store has no answer. No message holds a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// It does not answer, or cannot read or write.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
    /// What it holds is not what was written.
    #[error("the store holds an entry that cannot be read: {0}")]
    Unreadable(&'static str),
}

/// What has ended before its time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndedRecord {
    /// Ids of logins, each with the time after which nothing of it would be accepted anyway.
    pub ids: Vec<(String, UnixTime)>,
    /// Logins from before this time have ended, whatever their id.
    pub issued_after: Option<UnixTime>,
}

/// A store. What it has answered is on disk or at the server.
pub trait Store: Send + Sync {
    /// The API key of this hash.
    fn key<'a>(&'a self, hash: &'a str) -> Answer<'a, Option<KeyRecord>>;

    /// The API keys of a user, or all; in the order of their making.
    fn keys<'a>(&'a self, user: Option<&'a str>) -> Answer<'a, Vec<KeyRecord>>;

    /// Adds an API key, or writes it again.
    fn put_key(&self, key: KeyRecord) -> Answer<'_, ()>;

    /// Notes when an API key was used, if it is still there.
    fn key_used<'a>(&'a self, hash: &'a str, at: UnixTime) -> Answer<'a, ()>;

    /// Deletes an API key. Returns whether it was there.
    fn delete_key<'a>(&'a self, hash: &'a str) -> Answer<'a, bool>;

    /// The last login of a user by a method.
    fn login<'a>(&'a self, method: &'a str, user: &'a str) -> Answer<'a, Option<LoginRecord>>;

    /// Notes a login.
    fn put_login(&self, login: LoginRecord) -> Answer<'_, ()>;

    /// Ends logins. What would not be accepted after `until` anyway is forgotten then.
    fn end<'a>(&'a self, ids: &'a [String], until: UnixTime) -> Answer<'a, ()>;

    /// Ends all logins from before a time, and forgets the ids.
    fn end_all(&self, before: UnixTime) -> Answer<'_, ()>;

    /// What has ended, without what can be forgotten at `now`.
    fn ended(&self, now: UnixTime) -> Answer<'_, EndedRecord>;

    /// Takes a text once: true the first time, until `until`.
    fn take_once<'a>(&'a self, text: &'a str, until: UnixTime, now: UnixTime) -> Answer<'a, bool>;
}

#[cfg(test)]
mod tests;
