//! Making, listing, deleting and using keys.

use std::sync::Arc;
use std::time::Duration;

use registry_auth_engine::UnixTime;
use registry_auth_engine::login::CallerIdentity;

use super::Sources;
use super::secret::{digits_of, new_key, new_uuid};
use super::times::{NEVER, read_time, written_time};
use super::wanted::{InvalidKey, Wanted, narrowing};
use crate::person::{LoginError, Method, Person, Unavailable};
use crate::random::NoRandomBytes;
use crate::secret::Secret;
use crate::store::{KeyDetails, KeyRecord, Source, Store, StoreError, hash_of};

/// The most keys of one user.
const MAX_KEYS_PER_USER: usize = 1000;
/// The last use is noted once in this time.
const NOTE_USE: Duration = Duration::from_mins(1);
/// When it is worth another attempt after the store did not answer.
const RETRY: Duration = Duration::from_secs(5);

/// The API keys in a store.
#[derive(Clone)]
pub struct ApiKeys {
    store: Arc<dyn Store>,
    sources: Arc<dyn Sources>,
    max_age: Option<Duration>,
    login_age: Option<Duration>,
}

/// A key that was made.
pub struct Made {
    /// The key itself, which nobody sees again.
    pub secret: Secret,
    /// What is kept of it.
    pub details: KeyDetails,
    /// What its owner should know.
    pub warning: Option<String>,
}

/// Why a key is not made or not deleted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The caller has no password and no session (D41).
    #[error("only somebody who has logged in with a password or in a browser may do this")]
    NotByThis,
    /// What is wanted is wrong.
    #[error(transparent)]
    Invalid(#[from] InvalidKey),
    /// The user has too many.
    #[error("there are 1000 API keys already: delete some")]
    TooMany,
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system has no random bytes.
    #[error(transparent)]
    NoRandomBytes(#[from] NoRandomBytes),
}

impl ApiKeys {
    /// Keys live no longer than `max_age`; those of social logins no longer than `login_age` after
    /// the last one of their user.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        sources: Arc<dyn Sources>,
        max_age: Option<Duration>,
        login_age: Option<Duration>,
    ) -> Self {
        Self {
            store,
            sources,
            max_age,
            login_age,
        }
    }

    /// Makes a key for a caller.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub async fn make(
        &self,
        owner: &CallerIdentity,
        wanted: &Wanted,
        now: UnixTime,
    ) -> Result<Made, KeyError> {
        let method = login_method(owner).ok_or(KeyError::NotByThis)?;
        let warning = wanted.check(now)?;
        if self.store.keys(Some(&owner.user)).await?.len() >= MAX_KEYS_PER_USER {
            return Err(KeyError::TooMany);
        }
        let secret = new_key()?;
        let latest = self.max_age.map(|age| now.after(age));
        let expires = match (wanted.expires, latest) {
            (Some(wanted), Some(latest)) => Some(wanted.min(latest)),
            (wanted, latest) => wanted.or(latest),
        };
        let details = KeyDetails {
            created_at: written_time(Some(now)),
            expiration_date: written_time(expires),
            is_expired: false,
            creator_ua: wanted.user_agent.clone(),
            generated_by: "manual".to_owned(),
            last_used: NEVER.to_owned(),
            label: wanted.label.clone(),
            scopes: wanted.scopes.clone(),
            uuid: new_uuid()?,
        };
        let record = KeyRecord {
            hash: hash_of(digits_of(secret.expose()).unwrap_or_default()),
            user: owner.user.clone(),
            source: Source {
                method: method.to_owned(),
                ids: owner.id.iter().chain(&owner.parents).cloned().collect(),
                groups: owner.groups.clone(),
                at: now.secs(),
            },
            details: details.clone(),
        };
        self.store.put_key(record).await?;
        Ok(Made {
            secret,
            details,
            warning,
        })
    }

    /// The keys of a user, in the order of their making.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn list(&self, user: &str, now: UnixTime) -> Result<Vec<KeyDetails>, StoreError> {
        let records = self.store.keys(Some(user)).await?.into_iter();
        let details = records.map(|record| KeyDetails {
            is_expired: self
                .end(&record.details)
                .map_or(true, |end| is_past(end, now)),
            ..record.details
        });
        Ok(details.collect())
    }

    /// Deletes a key of a caller. Returns the id that ends with it; `None` if the caller has no such
    /// key, which is no error, as in zot.
    ///
    /// # Errors
    /// See [`KeyError`].
    pub async fn delete(
        &self,
        owner: &CallerIdentity,
        uuid: &str,
    ) -> Result<Option<String>, KeyError> {
        login_method(owner).ok_or(KeyError::NotByThis)?;
        let records = self.store.keys(Some(&owner.user)).await?;
        let Some(record) = records.iter().find(|record| record.details.uuid == uuid) else {
            return Ok(None);
        };
        let was_there = self.store.delete_key(&record.hash).await?;
        Ok(was_there.then(|| id_of(uuid)))
    }

    /// Checks a key that is presented as the password of a user.
    ///
    /// # Errors
    /// [`LoginError::WrongPassword`] for an unknown or ended key and for another user; the others
    /// where the answer is not known.
    pub async fn verify(
        &self,
        user: &str,
        secret: &Secret,
        now: UnixTime,
    ) -> Result<Person, LoginError> {
        let digits = digits_of(secret.expose()).ok_or(LoginError::WrongPassword)?;
        let record = self
            .store
            .key(&hash_of(digits))
            .await
            .map_err(|error| unavailable(&error))?;
        let record = record.filter(|record| record.user == user);
        let record = record.ok_or(LoginError::WrongPassword)?;
        let end = self.end(&record.details)?;
        let (groups, login_end) = self.source(&record).await?;
        let ends = [end, login_end];
        if ends.iter().any(|end| is_past(*end, now)) {
            return Err(LoginError::WrongPassword);
        }
        self.note_use(&record, now).await;
        Ok(Person {
            user: record.user,
            groups,
            method: Method::ApiKey,
            sid: id_of(&record.details.uuid),
            not_after: ends.into_iter().flatten().min(),
            scopes: narrowing(&record.details.scopes).cloned().collect(),
        })
    }

    /// When a key ends by its own, if it does.
    ///
    /// # Errors
    /// A time cannot be read: it has ended.
    fn end(&self, details: &KeyDetails) -> Result<Option<UnixTime>, LoginError> {
        let time = |text: &str| read_time(text).ok_or(LoginError::WrongPassword);
        let expires = time(&details.expiration_date)?;
        let Some(age) = self.max_age else {
            return Ok(expires);
        };
        let latest = time(&details.created_at)?.unwrap_or_default().after(age);
        Ok(Some(expires.map_or(latest, |end| end.min(latest))))
    }

    /// The groups that the maker of a key has now by the method of then, and when that ends.
    async fn source(
        &self,
        record: &KeyRecord,
    ) -> Result<(Vec<String>, Option<UnixTime>), LoginError> {
        let Source {
            method,
            ids,
            groups,
            at,
        } = &record.source;
        let is_local = self.sources.is_local(&record.user);
        match method.as_str() {
            "htpasswd" if is_local => Ok((Vec::new(), None)),
            "ldap" => {
                let person = self.sources.directory(&record.user).await?;
                // Another entry may have the name now.
                let person = person.filter(|now| ids.is_empty() || ids.contains(&now.sid));
                Ok((person.ok_or(LoginError::WrongPassword)?.groups, None))
            }
            _ => {
                let provider = method.strip_prefix("openid:");
                let is_known = provider.is_some_and(|name| self.sources.has_provider(name));
                if !is_known || is_local {
                    return Err(LoginError::WrongPassword);
                }
                let last = self.store.login(method, &record.user).await;
                let last = last
                    .map_err(|error| unavailable(&error))?
                    .filter(|last| last.at >= *at);
                let time = last.as_ref().map_or(*at, |last| last.at);
                let end = self
                    .login_age
                    .map(|age| UnixTime::from_secs(time).after(age));
                Ok((last.map_or_else(|| groups.clone(), |last| last.groups), end))
            }
        }
    }

    /// Notes a use, unless that was done just now. That this fails is no reason to refuse the key.
    async fn note_use(&self, record: &KeyRecord, now: UnixTime) {
        let last = read_time(&record.details.last_used).flatten();
        if last.is_some_and(|last| now.since(last) < NOTE_USE) {
            return;
        }
        if let Err(error) = self.store.key_used(&record.hash, now).await {
            tracing::debug!(%error, "the last use of an API key is not noted");
        }
    }
}

/// The method by which a caller has logged in; `None` for a key, a token of an issuer, or a
/// certificate, which make no keys: no credential outlives its cause (D41).
pub(super) fn login_method(caller: &CallerIdentity) -> Option<&str> {
    let [method] = caller.methods.as_slice() else {
        return None;
    };
    let is_login = matches!(method.as_str(), "htpasswd" | "ldap") || method.starts_with("openid:");
    is_login.then_some(method)
}

/// The id of what a key makes.
#[must_use]
pub fn id_of(uuid: &str) -> String {
    format!("k.{uuid}")
}

fn is_past(end: Option<UnixTime>, now: UnixTime) -> bool {
    end.is_some_and(|end| end <= now)
}

fn unavailable(error: &StoreError) -> LoginError {
    tracing::warn!(%error, "an API key cannot be checked");
    LoginError::Unavailable {
        reason: Unavailable::Store,
        retry_after: RETRY,
    }
}

impl std::fmt::Debug for Made {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Made([redacted])")
    }
}
