//! The keys of a secret; the only place that calls the engine's reading of it.

use std::fmt;

use registry_auth::authn::algorithm::Algorithm;
use registry_auth::authn::keys::{KeySet, KeysError, SigningKey, SigningKeyError};
use serde_json::Value;

/// An entry of the secret that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SkippedEntry {
    /// The entry's name.
    pub(crate) key_id: String,
    /// What is wrong with it.
    pub(crate) reason: String,
}

/// What a secret holds; at least one key.
#[derive(Clone, PartialEq)]
pub(crate) struct SecretKeys {
    /// The keys as a JWKS, public members only, but for the first one of a secret that signs.
    pub(crate) jwks: Value,
    /// The names of the keys.
    pub(crate) key_ids: Vec<String>,
    /// The entries that were left out.
    pub(crate) skipped: Vec<SkippedEntry>,
}

impl fmt::Debug for SecretKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SecretKeys").field("key_ids", &self.key_ids).finish_non_exhaustive()
    }
}

/// Reads a secret that signs: PKCS#8 PEM, the first key signs.
///
/// # Errors
/// It is not that, or not for the algorithm.
pub(crate) fn from_pem(text: &str, algorithm: Algorithm, key_id: Option<&str>) -> Result<SecretKeys, SigningKeyError> {
    let jwks = SigningKey::jwks_from_pem(text, algorithm, key_id)?;
    let keys = jwks.get("keys").and_then(Value::as_array).into_iter().flatten();
    let key_ids = keys.filter_map(|key| key.get("kid")?.as_str().map(str::to_owned)).collect();
    Ok(SecretKeys { jwks, key_ids, skipped: Vec::new() })
}

/// Reads a secret: a JSON object of key id to PEM or JWKS with one key.
///
/// # Errors
/// It is not a JSON object, or has no usable entry.
pub(crate) fn from_secret(text: &str) -> Result<SecretKeys, KeysError> {
    let loaded = KeySet::from_secret(text.as_bytes())?;
    let skipped = loaded.skipped.into_iter();
    Ok(SecretKeys {
        jwks: loaded.keys.to_jwks(),
        key_ids: loaded.keys.iter().filter_map(|key| key.key_id()).map(|id| id.as_str().to_owned()).collect(),
        skipped: skipped.map(|entry| SkippedEntry { key_id: entry.which, reason: entry.reason.to_string() }).collect(),
    })
}
