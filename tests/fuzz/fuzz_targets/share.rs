//! What workers tell each other about their fetches: nothing without its MAC, and no state of them
//! that cannot be gone on from. The input is the object inside; the first line of it is also a
//! `Cache-Control`.

#![no_main]

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use libfuzzer_sys::fuzz_target;
use registry_auth_engine::keys::cache::{
    Cause, FetchCodec, FetchCodecError, Fetcher, SharedDataKey, Start, refresh_after,
};
use registry_auth_engine::keys::fetch::KeyRequest;
use registry_auth_engine::keys::source::Callout;
use registry_auth_engine::url::HttpUrl;
use registry_auth_fuzz::keys::check_set;
use registry_auth_fuzz::site::NOW;
use registry_auth_fuzz::{check_message, token, work};
use sha2::Sha256;

const ME: Fetcher = Fetcher {
    id: 7,
    lease: Duration::from_secs(10),
};

fuzz_target!(|input: &[u8]| {
    let codec = codec();
    let raw = [codec.open_state(input).err(), codec.open_keys(input).err()];
    assert_eq!(
        raw,
        [Some(FetchCodecError::Mac); 2],
        "opened without its MAC"
    );
    let seal = |name: &str| {
        let mut mac = Hmac::<Sha256>::new_from_slice(&[0; 32]).expect("any length is a key");
        mac.update(&[name.as_bytes(), b"\0", input].concat());
        [&mac.finalize().into_bytes()[..], input].concat()
    };
    let (state, keys) = (seal(codec.state_name()), seal(codec.keys_name()));
    assert_eq!(codec.open_state(&keys), Err(FetchCodecError::Mac));
    match work::linear(&state, |state| codec.open_state(state)) {
        Ok(state) => {
            assert_eq!(codec.open_state(&codec.seal_state(&state)), Ok(state));
            for next in [state.succeeded(&ME, NOW), state.failed(&ME, 5, NOW)]
                .into_iter()
                .chain(state.renewed(&ME, NOW))
            {
                assert_eq!(codec.open_state(&codec.seal_state(&next)), Ok(next));
            }
            for cause in [Cause::Missing, Cause::UnknownKey] {
                if let Start::Begin(next) = state.begin(cause, &ME, NOW) {
                    // The last step there is stays the last.
                    let is_last = !state.succeeded(&ME, NOW).is_after(&state);
                    assert!(next.is_after(&state) || is_last);
                    assert!(next.renewed(&ME, NOW).is_some());
                }
            }
        }
        Err(error) => check_message(&error.to_string()),
    }
    match work::linear(&keys, |keys| codec.open_keys(keys)) {
        Ok(keys) => {
            check_set(&keys.set);
            let again = codec.seal_keys(&keys.set, keys.algorithms.as_deref(), keys.freshness);
            assert_eq!(codec.open_keys(&again).as_ref(), Ok(&keys));
            assert!(
                !keys
                    .freshness
                    .at(NOW)
                    .is_stale(Duration::from_secs(1), keys.freshness.at(NOW).fetched())
            );
        }
        Err(error) => check_message(&error.to_string()),
    }
    let age = refresh_after(input.split(|byte| *byte == b'\n').next());
    assert!((Duration::from_mins(1)..=Duration::from_hours(1)).contains(&age));
});

fn codec() -> FetchCodec {
    let callout = Callout {
        issuer: token::ISSUER.to_owned(),
        first: KeyRequest::keys(HttpUrl::parse(token::ISSUER).expect("our own URL")),
        cluster: "issuers".to_owned(),
        jwks_cluster: "issuers".to_owned(),
    };
    FetchCodec::new(
        &callout,
        SharedDataKey::choose(None, b"registry-auth").expect("our own VM id"),
    )
}
