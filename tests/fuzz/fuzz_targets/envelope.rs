//! A pushed key set: nothing without its MAC, and with it only what the format says. A header and a
//! payload, a line each, are sealed here, so that the code after the check of the MAC is reached.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use libfuzzer_sys::fuzz_target;
use registry_auth_engine::keys::envelope::{
    EnvelopeError, MIN_KEY, NONCE_LENGTH, PushKey, PushRequest, open, seal,
};
use registry_auth_fuzz::site::NOW;
use registry_auth_fuzz::{CANARY, check_message, work};
use sha2::Sha256;

const KEY: [u8; MIN_KEY] = [7; MIN_KEY];

fuzz_target!(|input: &[u8]| {
    let key = PushKey::new(&KEY).expect("a key");
    // Nobody makes the proof of a request without the key.
    work::linear(input, |input| PushRequest::verify(input, &key, NOW))
        .expect_err("a proof without the key");
    if let Ok(keys) = work::linear(input, |input| open(input, &key, NOW)) {
        let text = std::str::from_utf8(input).expect("ASCII").trim_end();
        let (signed, mac) = text.rsplit_once('.').expect("three parts");
        assert_eq!(mac, mac_of(signed), "opened with another MAC: {}", keys.set);
    }
    let (header, payload) = input.split_at(
        input
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or_default(),
    );
    let signed = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let sealed = format!("{signed}.{}", mac_of(&signed));
    match work::linear(sealed.as_bytes(), |sealed| open(sealed, &key, NOW)) {
        Ok(keys) => {
            assert!(keys.not_after > NOW && keys.keys.is_object());
            let private =
                String::from_utf8_lossy(header).contains("registry-auth-signing-keys+jws");
            assert_eq!(
                (keys.is_signing(), keys.set.starts_with("mint:")),
                (private, private)
            );
            let again = open(seal(&keys, &key, &[0; NONCE_LENGTH]).as_bytes(), &key, NOW)
                .expect("what is sealed opens");
            assert_eq!(
                (&again.set, again.generation, &again.keys),
                (&keys.set, keys.generation, &keys.keys)
            );
            assert_eq!(again.not_after, keys.not_after);
            assert!(keys.set.contains(CANARY) || !format!("{keys:?}").contains(CANARY));
            let stranger = PushKey::new(&[8; MIN_KEY]).expect("a key");
            assert_eq!(
                open(sealed.as_bytes(), &stranger, NOW),
                Err(EnvelopeError::Mac)
            );
        }
        Err(error) => {
            assert_ne!(error, EnvelopeError::Mac);
            check_message(&error.to_string());
        }
    }
});

fn mac_of(signed: &str) -> String {
    let hmac = |key: &[u8]| Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    let derived = hmac(&KEY)
        .chain_update(b"registry-auth push 2 envelope\x01")
        .finalize()
        .into_bytes();
    let mac = hmac(&derived).chain_update(signed.as_bytes());
    URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
}
