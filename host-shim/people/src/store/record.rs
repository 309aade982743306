//! What is kept of a key and of a login, as JSON. The details of a key have the names of zot.

use registry_auth_engine::UnixTime;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::StoreError;

/// An API key. The key itself is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRecord {
    /// The hash by which the key is found, see [`hash_of`].
    pub hash: String,
    /// Whose key it is.
    pub user: String,
    /// How its maker logged in.
    pub source: Source,
    /// What zot keeps, too.
    pub details: KeyDetails,
}

/// The login that a key comes from. The key ends with what that login stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The method: `htpasswd`, `ldap`, `openid:github` ...
    pub method: String,
    /// The ids of that login. None are known of imported keys.
    #[serde(default)]
    pub ids: Vec<String>,
    /// The groups at that time.
    #[serde(default)]
    pub groups: Vec<String>,
    /// When it was, in seconds.
    pub at: i64,
}

/// The details of a key. Times are those of RFC 3339; one that never was is the zero time of zot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyDetails {
    /// When it was made.
    pub created_at: String,
    /// When it ends.
    pub expiration_date: String,
    /// Whether it has ended; computed for each answer.
    #[serde(default)]
    pub is_expired: bool,
    /// `User-Agent` of its maker.
    #[serde(default)]
    pub creator_ua: String,
    /// `manual`, as in zot.
    #[serde(default)]
    pub generated_by: String,
    /// When it was used last.
    pub last_used: String,
    /// The label that its maker gave it.
    #[serde(default)]
    pub label: String,
    /// The scopes that its maker gave it; null in zot where there are none.
    #[serde(default, deserialize_with = "null_is_empty")]
    pub scopes: Vec<String>,
    /// Its id, which is no secret.
    pub uuid: String,
}

impl KeyRecord {
    /// Records of a user are in the order of their making.
    pub(super) fn order(&self) -> (&str, &str) {
        (&self.details.created_at, &self.details.uuid)
    }
}

impl KeyDetails {
    /// Notes a use.
    pub fn note_use(&mut self, at: UnixTime) {
        self.last_used = at.rfc3339();
    }
}

/// The last login of a user by a method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoginRecord {
    /// The method.
    pub method: String,
    /// The user.
    pub user: String,
    /// The groups that the method named.
    pub groups: Vec<String>,
    /// When it was, in seconds.
    pub at: i64,
}

fn null_is_empty<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

impl LoginRecord {
    /// When it was.
    #[must_use]
    pub const fn time(&self) -> UnixTime {
        UnixTime::from_secs(self.at)
    }
}

/// The hash of an API key, as zot has it: SHA-256, in hexadecimal digits, of the 32 digits after
/// the prefix `zak_`.
#[must_use]
pub fn hash_of(digits: &str) -> String {
    let mut hash = String::with_capacity(64);
    for byte in Sha256::digest(digits) {
        for nibble in [byte >> 4, byte & 15] {
            hash.push(char::from_digit(nibble.into(), 16).unwrap_or('0'));
        }
    }
    hash
}

pub(super) fn to_json<T: Serialize>(record: &T) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(record).map_err(|_| StoreError::Unreadable("it cannot be written"))
}

pub(super) fn from_json<T: for<'a> Deserialize<'a>>(
    what: &'static str,
    text: &[u8],
) -> Result<T, StoreError> {
    serde_json::from_slice(text).map_err(|_| StoreError::Unreadable(what))
}
