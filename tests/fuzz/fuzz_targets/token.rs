//! A token's text: what is well-formed is so in one way only, and no refusal shows a part of it.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use libfuzzer_sys::fuzz_target;
use registry_auth_engine::authn::token::{MAX_TOKEN, UnverifiedToken};
use registry_auth_engine::keys::algorithm::Algorithm;
use registry_auth_fuzz::{CANARY, check_message, work};
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    // A JSON value takes some ten times its text.
    let token = match work::linear(input, |_| UnverifiedToken::parse(text)) {
        Ok(token) => token,
        Err(error) => return check_message(&error.to_string()),
    };
    assert!(text.len() <= MAX_TOKEN);
    let segments: Vec<_> = text.split('.').collect();
    let [header, payload, signature] = segments[..] else {
        panic!("{} segments", segments.len())
    };
    assert_eq!(token.message(), format!("{header}.{payload}").as_bytes());
    assert_eq!(URL_SAFE_NO_PAD.encode(token.signature()), signature);
    let [header, payload] = [header, payload].map(|segment| {
        let bytes = URL_SAFE_NO_PAD
            .decode(segment)
            .expect("what is read is base64url");
        assert_eq!(URL_SAFE_NO_PAD.encode(&bytes), segment);
        serde_json::from_slice::<Value>(&bytes).expect("what is read is JSON")
    });
    assert_eq!(
        header["alg"].as_str().and_then(Algorithm::from_name),
        Some(token.algorithm())
    );
    assert!(Algorithm::ALL.contains(&token.algorithm()));
    assert!(
        header.get("crit").is_none() && header.get("b64").is_none_or(|encoded| *encoded == true)
    );
    let key_id = header
        .get("kid")
        .map(|id| id.as_str().expect("a key id is text"));
    assert_eq!(key_id.filter(|id| !id.is_empty()), token.key_id());
    let typ = header
        .get("typ")
        .map(|typ| typ.as_str().expect("a type is text").to_ascii_lowercase());
    let is_identity =
        |typ: &str| matches!(typ.trim_start_matches("application/"), "jwt" | "at+jwt");
    assert!(typ.is_none_or(|typ| is_identity(&typ)) && payload.get("events").is_none());
    assert_eq!(
        Some(token.claims_unverified().as_map()),
        payload.as_object()
    );
    assert!(!format!("{token:?} {:?}", token.claims_unverified()).contains(CANARY));
});
