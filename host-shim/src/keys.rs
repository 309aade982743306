//! The keys of a secret; the only place that calls the engine's reading of it.

use registry_auth::authn::keys::{KeySet, KeysError};
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
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SecretKeys {
    /// The keys as a JWKS, public members only.
    pub(crate) jwks: Value,
    /// The names of the keys.
    pub(crate) key_ids: Vec<String>,
    /// The entries that were left out.
    pub(crate) skipped: Vec<SkippedEntry>,
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
