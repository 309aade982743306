//! Reads the keys of a source with the engine's parsers.

use std::fmt;

use registry_auth_engine::keys::algorithm::Algorithm;
use registry_auth_engine::keys::{KeyId, KeySet, KeysError, SigningKey, SigningKeyError, Skipped};
use serde_json::Value;

/// Name of a key without `kid` in the log.
const UNNAMED: &str = "(no kid)";

/// An entry of the source that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SkippedEntry {
    /// Its key id, or the engine's name for it.
    pub(crate) key_id: String,
    /// Why it cannot be used.
    pub(crate) reason: String,
}

/// The keys of a source; at least one.
#[derive(Clone, PartialEq)]
pub(crate) struct SourceKeys {
    /// The keys as a JWKS with public members only, except the first key of a signing secret, which
    /// is private.
    pub(crate) jwks: Value,
    /// The key id of each key.
    pub(crate) key_ids: Vec<String>,
    /// The entries that were skipped.
    pub(crate) skipped: Vec<SkippedEntry>,
}

impl fmt::Debug for SourceKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SourceKeys")
            .field("key_ids", &self.key_ids)
            .finish_non_exhaustive()
    }
}

impl SourceKeys {
    /// The public keys of a set, with the entries of the source that are not in it.
    pub(crate) fn public(keys: &KeySet, skipped: Vec<Skipped>) -> Self {
        let name = |id: Option<&KeyId>| id.map_or(UNNAMED, KeyId::as_str).to_owned();
        Self {
            jwks: keys.to_jwks(),
            key_ids: keys.iter().map(|key| name(key.key_id())).collect(),
            skipped: skipped
                .into_iter()
                .map(|entry| SkippedEntry {
                    key_id: entry.which,
                    reason: entry.reason.to_string(),
                })
                .collect(),
        }
    }
}

/// Reads a signing secret: PKCS#8 PEM blocks, of which the first is the signing key.
///
/// # Errors
/// The text is not PKCS#8 PEM, or the key does not fit the algorithm.
pub(crate) fn from_pem(
    text: &str,
    algorithm: Algorithm,
    key_id: Option<&str>,
) -> Result<SourceKeys, SigningKeyError> {
    let jwks = SigningKey::jwks_from_pem(text, algorithm, key_id)?;
    let keys = jwks
        .get("keys")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let key_ids = keys
        .filter_map(|key| key.get("kid")?.as_str().map(str::to_owned))
        .collect();
    Ok(SourceKeys {
        jwks,
        key_ids,
        skipped: Vec::new(),
    })
}

/// Reads a secret of verification keys: a JSON object of key id to PEM or to a JWKS with one key.
///
/// # Errors
/// The text is not a JSON object, or has no usable entry.
pub(crate) fn from_secret(text: &str) -> Result<SourceKeys, KeysError> {
    KeySet::from_secret(text.as_bytes())
        .map(|loaded| SourceKeys::public(&loaded.keys, loaded.skipped))
}
