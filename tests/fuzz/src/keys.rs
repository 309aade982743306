//! Rules for keys that were read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use registry_auth_engine::keys::{KeySet, Kind};

use crate::{CANARY, check_line};

/// The members of private and symmetric keys (RFC 7518 sections 6.2.2, 6.3.2 and 6.4).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Only public members come out of a set, and the set that is read from them is the same.
pub fn check_set(keys: &KeySet) {
    assert!(!keys.is_empty());
    let jwks = keys.to_jwks();
    for jwk in jwks["keys"].as_array().expect("a set") {
        assert!(
            PRIVATE.iter().all(|name| jwk.get(name).is_none()),
            "a private member comes out"
        );
    }
    let again = KeySet::from_jwks_value(&jwks).expect("what is written can be read");
    assert!(
        again.skipped.is_empty() && again.keys == *keys,
        "{keys:?} is written as {jwks}"
    );
    for key in keys.iter() {
        assert_eq!(key.kind() == Kind::Rsa, key.signature_len() >= 256);
        assert!(key.signature_len() <= 1024, "an RSA key is above 8192 bits");
        let pem = KeySet::from_cert(&armour("PUBLIC KEY", key.spki_der()))
            .expect("its own form can be read");
        assert!(pem.iter().all(|read| read.spki_der() == key.spki_der()));
        if !key.key_id().is_some_and(|id| id.as_str().contains(CANARY)) {
            assert!(!format!("{key:?}").contains(CANARY));
        }
    }
}

/// A message about keys names the ids of the bad ones, and holds nothing else of them.
pub fn check_named<'a>(message: &str, mut ids: impl Iterator<Item = &'a str>) {
    check_line(message);
    let named = ids.any(|id| id.contains(CANARY));
    assert!(
        named || !message.contains(CANARY),
        "a part of a key is shown: {message}"
    );
}

/// PEM text (RFC 7468).
#[must_use]
pub fn armour(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<_> = text
        .as_bytes()
        .chunks(64)
        .map(String::from_utf8_lossy)
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}
