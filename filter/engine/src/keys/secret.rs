//! The secret that zot reads from AWS Secrets Manager: a JSON object from key id to the text of one
//! key.

use serde_json::Value;

use super::error::{KeyError, KeysError};
use super::key::{KeyId, PublicKey};
use super::{Loaded, Loading, MAX_KEYS, read_json, read_one};
use crate::json;

/// Reads a secret; see [`super::KeySet::from_secret`].
pub(super) fn read(text: &[u8]) -> Result<Loaded, KeysError> {
    if json::without_mark(text).trim_ascii().is_empty() {
        return Err(KeysError::Empty);
    }
    let entries = match read_json(text)? {
        Value::Object(entries) if entries.is_empty() => return Err(KeysError::Empty),
        Value::Object(entries) => entries,
        other => return Err(KeysError::NotAnObject(json::kind(&other))),
    };
    let (mut loading, count) = (Loading::default(), entries.len());
    for (id, value) in entries.into_iter().take(MAX_KEYS) {
        match entry(&value) {
            Ok(_) if id.is_empty() => loading.skip(id, KeyError::EmptyId),
            Ok(key) => loading.add(key.with_id(Some(KeyId::new(id.as_str()))), || id),
            Err(reason) => loading.skip(id, reason),
        }
    }
    loading.skip_rest(count);
    loading.finish()
}

fn entry(value: &Value) -> Result<PublicKey, KeysError> {
    match value {
        Value::String(text) if json::without_mark(text.as_bytes()).trim_ascii().is_empty() => {
            Err(KeysError::Empty)
        }
        Value::String(text) => read_one(text),
        other => Err(KeysError::NotText(json::kind(other))),
    }
}
