//! The text of one key: `cert` of the configuration, and the secret with a key that signs.

#![no_main]

use libfuzzer_sys::fuzz_target;
use registry_auth_engine::keys::algorithm::Algorithm;
use registry_auth_engine::keys::{KeySet, SigningKey};
use registry_auth_fuzz::keys::check_set;
use registry_auth_fuzz::{check_line, check_message, work};

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    match work::linear(input, |_| KeySet::from_cert(text)) {
        Ok(keys) => {
            assert_eq!(keys.len(), 1);
            check_set(&keys);
        }
        Err(error) => check_message(&error.to_string()),
    }
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        match work::linear(input, |_| SigningKey::jwks_from_pem(text, algorithm, None)) {
            Ok(jwks) => {
                let (key, public) =
                    SigningKey::from_jwks_value(&jwks).expect("what is written can be read");
                check_set(&public);
                assert_eq!(key.algorithm(), algorithm);
                let all = jwks["keys"].as_array().expect("a set");
                assert!(
                    all.iter().skip(1).all(|jwk| jwk.get("d").is_none()),
                    "only the first key is private"
                );
            }
            // It names the label of the block.
            Err(error) => check_line(&error.to_string()),
        }
    }
});
