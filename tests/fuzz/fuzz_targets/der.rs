//! The inside of a PEM block: certificate, `SubjectPublicKeyInfo`, PKCS#1, PKCS#8.

#![no_main]

use libfuzzer_sys::fuzz_target;
use registry_auth_engine::keys::algorithm::Algorithm;
use registry_auth_engine::keys::{KeySet, SigningKey};
use registry_auth_fuzz::keys::{armour, check_set};
use registry_auth_fuzz::{check_message, work};

fuzz_target!(|der: &[u8]| {
    let text = armour("PUBLIC KEY", der);
    match work::linear(text.as_bytes(), |_| KeySet::from_cert(&text)) {
        Ok(keys) => {
            check_set(&keys);
            assert_eq!(
                KeySet::from_cert(&armour("CERTIFICATE", der)).as_ref(),
                Ok(&keys),
                "a label decides"
            );
        }
        Err(error) => check_message(&error.to_string()),
    }
    let text = armour("PRIVATE KEY", der);
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        if let Ok(jwks) = SigningKey::jwks_from_pem(&text, algorithm, Some("own")) {
            let (key, public) =
                SigningKey::from_jwks_value(&jwks).expect("what is written can be read");
            check_set(&public);
            assert_eq!(key.algorithm(), algorithm);
            assert!(
                KeySet::from_cert(&text).is_err(),
                "a private key is taken for a public one"
            );
        }
    }
});
