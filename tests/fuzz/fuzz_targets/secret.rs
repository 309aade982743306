//! A secret of Secrets Manager: key ids and texts of keys.

#![no_main]

use libfuzzer_sys::fuzz_target;
use registry_auth_engine::keys::{KeySet, MAX_KEYS};
use registry_auth_fuzz::keys::{check_named, check_set};
use registry_auth_fuzz::work;
use serde_json::Value;

fuzz_target!(|text: &[u8]| {
    let value: Value = serde_json::from_slice(text).unwrap_or_default();
    let ids = || {
        value
            .as_object()
            .into_iter()
            .flat_map(|entries| entries.keys().map(String::as_str))
    };
    let loaded = match work::linear(text, KeySet::from_secret) {
        Ok(loaded) => loaded,
        Err(error) => return check_named(&error.to_string(), ids()),
    };
    for skipped in &loaded.skipped {
        check_named(&skipped.to_string(), ids());
    }
    check_set(&loaded.keys);
    assert_eq!(
        loaded.keys.len() + loaded.skipped.len(),
        ids().count().min(MAX_KEYS + 1)
    );
    assert!(loaded.keys.iter().all(|key| {
        key.key_id()
            .is_some_and(|id| ids().any(|known| known == id.as_str()))
    }));
});
