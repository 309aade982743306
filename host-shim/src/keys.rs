//! The keys of a secret; the only place that calls the engine's reading of it.

use serde_json::Value;

/// An entry of the secret that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SkippedEntry {
    /// The entry's name.
    pub(crate) key_id: String,
    /// What is wrong with it.
    pub(crate) reason: String,
}

/// What a secret holds.
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
/// It is not a JSON object.
pub(crate) fn from_secret(text: &str) -> Result<SecretKeys, String> {
    // STAND-IN until `KeySet::from_secret` exists.
    let value = registry_auth::json::parse(text.as_bytes()).map_err(|error| error.to_string())?;
    let object = value.as_object().ok_or("not a JSON object")?;
    let (mut key_ids, mut skipped, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for (name, value) in object {
        if value.as_str().is_some_and(|text| text.contains("PUBLIC KEY")) {
            key_ids.push(name.clone());
            keys.push(serde_json::json!({"kid": name}));
        } else {
            skipped.push(SkippedEntry { key_id: name.clone(), reason: "not a public key".to_owned() });
        }
    }
    Ok(SecretKeys { jwks: serde_json::json!({"keys": keys}), key_ids, skipped })
}
