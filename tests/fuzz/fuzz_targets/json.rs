//! JSON, read strictly: what is read is what another reader reads, and no message shows a part of
//! it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use registry_auth_engine::json::{MAX_NESTING, parse};
use registry_auth_fuzz::{check_message, work};
use serde_json::Value;

fuzz_target!(|text: &[u8]| {
    match work::linear(text, parse) {
        Ok(value) => {
            assert_eq!(Some(&value), serde_json::from_slice(text).ok().as_ref());
            assert!(depth(&value) <= MAX_NESTING);
            assert_eq!(colons(text), members(&value), "a member is lost");
            assert!(parse(value.to_string().as_bytes()).is_ok());
        }
        Err(error) => check_message(&error.to_string()),
    }
});

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

/// The members of all objects.
fn members(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(members).sum(),
        Value::Object(inner) => inner.len() + inner.values().map(members).sum::<usize>(),
        _ => 0,
    }
}

/// The colons outside of texts: as many as there are members.
fn colons(text: &[u8]) -> usize {
    let (mut count, mut inside, mut escaped) = (0, false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => inside = !inside,
            b':' if !inside => count += 1,
            _ => {}
        }
    }
    count
}
