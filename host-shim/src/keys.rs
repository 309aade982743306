//! The keys of a source; the only place that calls the engine's reading of them.

use std::fmt;

use registry_auth_engine::keys::algorithm::Algorithm;
use registry_auth_engine::keys::{KeyId, KeySet, KeysError, Loaded, SigningKey, SigningKeyError};
use serde_json::Value;

/// What a key without `kid` is called in the log.
const UNNAMED: &str = "(no kid)";

/// An entry of the source that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SkippedEntry {
    /// The entry's name.
    pub(crate) key_id: String,
    /// What is wrong with it.
    pub(crate) reason: String,
}

/// What a source holds; at least one key.
#[derive(Clone, PartialEq)]
pub(crate) struct SourceKeys {
    /// The keys as a JWKS, public members only, but for the first one of a secret that signs.
    pub(crate) jwks: Value,
    /// The name of each key.
    pub(crate) key_ids: Vec<String>,
    /// The entries that were left out.
    pub(crate) skipped: Vec<SkippedEntry>,
}

impl fmt::Debug for SourceKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SourceKeys").field("key_ids", &self.key_ids).finish_non_exhaustive()
    }
}

impl From<Loaded> for SourceKeys {
    fn from(loaded: Loaded) -> Self {
        let name = |id: Option<&KeyId>| id.map_or(UNNAMED, KeyId::as_str).to_owned();
        let skipped = loaded.skipped.into_iter();
        Self {
            jwks: loaded.keys.to_jwks(),
            key_ids: loaded.keys.iter().map(|key| name(key.key_id())).collect(),
            skipped: skipped
                .map(|entry| SkippedEntry { key_id: entry.which, reason: entry.reason.to_string() })
                .collect(),
        }
    }
}

/// Reads a secret that signs: PKCS#8 PEM, the first key signs.
///
/// # Errors
/// It is not that, or not for the algorithm.
pub(crate) fn from_pem(text: &str, algorithm: Algorithm, key_id: Option<&str>) -> Result<SourceKeys, SigningKeyError> {
    let jwks = SigningKey::jwks_from_pem(text, algorithm, key_id)?;
    let keys = jwks.get("keys").and_then(Value::as_array).into_iter().flatten();
    let key_ids = keys.filter_map(|key| key.get("kid")?.as_str().map(str::to_owned)).collect();
    Ok(SourceKeys { jwks, key_ids, skipped: Vec::new() })
}

/// Reads a secret: a JSON object of key id to PEM or JWKS with one key.
///
/// # Errors
/// It is not a JSON object, or has no usable entry.
pub(crate) fn from_secret(text: &str) -> Result<SourceKeys, KeysError> {
    KeySet::from_secret(text.as_bytes()).map(SourceKeys::from)
}

/// Reads the JWKS of an issuer.
///
/// # Errors
/// It is not a JWKS, or has no usable key.
pub(crate) fn from_jwks(text: &[u8]) -> Result<SourceKeys, KeysError> {
    KeySet::from_jwks(text).map(SourceKeys::from)
}
