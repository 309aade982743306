//! A JWK Set: sound public keys come out, nothing private does, and what is skipped is not shown.

#![no_main]

use libfuzzer_sys::fuzz_target;
use registry_auth_engine::json;
use registry_auth_engine::keys::{KeySet, MAX_KEYS, MAX_SAME_ID, SigningKey};
use registry_auth_fuzz::keys::{check_named, check_set};
use registry_auth_fuzz::work;
use serde_json::Value;

fuzz_target!(|text: &[u8]| {
    let value: Value = serde_json::from_slice(json::without_mark(text)).unwrap_or_default();
    let entries = value["keys"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let ids = || entries.iter().filter_map(|entry| entry["kid"].as_str());
    let loaded = match work::linear(text, KeySet::from_jwks) {
        Ok(loaded) => loaded,
        Err(error) => return check_named(&error.to_string(), ids()),
    };
    for skipped in &loaded.skipped {
        check_named(&skipped.to_string(), ids());
    }
    check_set(&loaded.keys);
    for key in loaded.keys.iter() {
        let same = loaded
            .keys
            .iter()
            .filter(|other| key.key_id().is_some() && other.key_id() == key.key_id());
        assert!(same.count() <= MAX_SAME_ID);
    }
    assert_eq!(
        loaded.keys.len() + loaded.skipped.len(),
        entries.len().min(MAX_KEYS + 1)
    );
    match SigningKey::from_jwks_value(&value) {
        Ok((key, public)) => {
            check_set(&public);
            assert!(public.contains(key.id()));
        }
        Err(error) => check_named(&error.to_string(), ids()),
    }
});
