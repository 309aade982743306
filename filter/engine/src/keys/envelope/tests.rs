mod exchange;

use serde_json::json;

use super::*;

const NOW: UnixTime = UnixTime::from_secs(1000);
const NONCE: [u8; NONCE_LENGTH] = [3; NONCE_LENGTH];
const SECRET: &str = "secret:us-east-1/keys";
const MINT: &str = "mint:us-east-1/keys";

fn key(byte: u8) -> PushKey {
    PushKey::new(&[byte; MIN_KEY]).unwrap()
}

fn sample() -> PushedKeys {
    let keys = json!({ "keys": [] });
    PushedKeys {
        set: SECRET.into(),
        generation: 7,
        not_after: UnixTime::from_secs(1001),
        keys,
    }
}

fn private() -> PushedKeys {
    PushedKeys {
        set: MINT.into(),
        keys: json!({ "keys": [{ "d": "tops3cret" }] }),
        ..sample()
    }
}

fn signed(header: &str, payload: &str) -> String {
    signed_for(Purpose::Envelope, header, payload)
}

/// A JWS of any text, with a good MAC.
fn signed_for(purpose: Purpose, header: &str, payload: &str) -> String {
    use hmac::{Hmac, KeyInit as _, Mac as _};
    let signed = format!(
        "{}.{}",
        jws::encode(header.as_bytes()),
        jws::encode(payload.as_bytes())
    );
    let mac = Hmac::<sha2::Sha256>::new_from_slice(&key(1).derive(purpose).unwrap()).unwrap();
    format!(
        "{signed}.{}",
        jws::encode(&mac.chain_update(&signed).finalize().into_bytes())
    )
}

fn payload_of(jws: &str) -> Value {
    let payload = jws.split('.').nth(1).unwrap();
    serde_json::from_slice(&jws::decode(payload).unwrap()).unwrap()
}

#[test]
fn what_is_sealed_opens_with_the_same_key_until_it_ends() {
    for keys in [sample(), private()] {
        let envelope = seal(&keys, &key(1), &NONCE);
        assert_eq!(open(envelope.as_bytes(), &key(1), NOW), Ok(keys));
        assert_eq!(
            open(envelope.as_bytes(), &key(2), NOW),
            Err(EnvelopeError::Mac)
        );
        assert_eq!(
            open(envelope.as_bytes(), &key(1), UnixTime::from_secs(1001)),
            Err(EnvelopeError::Expired)
        );
    }
}

#[test]
fn a_private_key_travels_in_an_envelope_of_its_own_kind() {
    let sealed = payload_of(&seal(&private(), &key(1), &NONCE))["sealed"].clone();
    let header = |kind: &str| json!({ "alg": "HS256", "typ": kind }).to_string();
    let payload = |set: &str, member: &str, content: &Value| {
        json!({ "v": 2, "set": set, "gen": 7, "exp": 1001, member: content }).to_string()
    };
    let open_keys = json!({ "keys": [] });
    let rows = [
        (TYPE, SECRET, "keys", &open_keys, true),
        (SIGNING_TYPE, MINT, "sealed", &sealed, true),
        (SIGNING_TYPE, SECRET, "keys", &open_keys, false),
        (SIGNING_TYPE, SECRET, "sealed", &sealed, false),
        (SIGNING_TYPE, "oidc:mint:", "sealed", &sealed, false),
        (SIGNING_TYPE, MINT, "keys", &open_keys, false),
        // Encrypted, but for another secret.
        (
            SIGNING_TYPE,
            "mint:us-east-1/other",
            "sealed",
            &sealed,
            false,
        ),
        (TYPE, MINT, "keys", &open_keys, false),
        (TYPE, MINT, "sealed", &sealed, false),
        (TYPE, SECRET, "sealed", &sealed, false),
    ];
    for (kind, set, member, content, accepted) in rows {
        let opened = open(
            signed(&header(kind), &payload(set, member, content)).as_bytes(),
            &key(1),
            NOW,
        );
        assert_eq!(opened.is_ok(), accepted, "{kind} {set} {member}");
    }
    let both = json!({ "v": 2, "set": MINT, "gen": 7, "exp": 1001, "keys": {}, "sealed": sealed })
        .to_string();
    assert_eq!(
        open(
            signed(&header(SIGNING_TYPE), &both).as_bytes(),
            &key(1),
            NOW
        ),
        Err(EnvelopeError::Malformed)
    );
}

#[test]
fn a_private_key_is_encrypted_for_its_envelope_alone() {
    let envelope = seal(&private(), &key(1), &NONCE);
    let payload = payload_of(&envelope);
    let sealed = payload["sealed"].as_str().unwrap();
    assert!(!String::from_utf8_lossy(&jws::decode(sealed).unwrap()).contains("tops3cret"));
    assert!(!format!("{:?}", private()).contains("tops3cret"));
    // With whichever key but the derived one, and whatever the ciphertext is bound to, it does not
    // open.
    let binding = Binding {
        set: MINT,
        generation: 7,
        not_after: UnixTime::from_secs(1001),
    };
    assert_eq!(
        cipher::decrypt(sealed, binding, &key(1)),
        Some(private().keys)
    );
    assert_eq!(cipher::decrypt(sealed, binding, &key(2)), None);
    for changed in [
        Binding {
            set: "mint:us-east-1/other",
            ..binding
        },
        Binding {
            generation: 8,
            ..binding
        },
        Binding {
            not_after: UnixTime::from_secs(1002),
            ..binding
        },
    ] {
        assert_eq!(cipher::decrypt(sealed, changed, &key(1)), None);
    }
    let mut bytes = jws::decode(sealed).unwrap();
    for index in 0..bytes.len() {
        bytes[index] ^= 1;
        assert_eq!(
            cipher::decrypt(&jws::encode(&bytes), binding, &key(1)),
            None,
            "byte {index}"
        );
        bytes[index] ^= 1;
        assert_eq!(
            cipher::decrypt(&jws::encode(&bytes[..index]), binding, &key(1)),
            None,
            "{index} bytes"
        );
    }
    assert_ne!(
        sealed,
        payload_of(&seal(&private(), &key(1), &[4; NONCE_LENGTH]))["sealed"]
    );
}

#[test]
fn any_changed_byte_is_noticed() {
    for keys in [sample(), private()] {
        let envelope = seal(&keys, &key(1), &NONCE);
        for index in 0..envelope.len() {
            let mut changed = envelope.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            assert!(open(&changed, &key(1), NOW).is_err(), "byte {index}");
        }
    }
}

#[test]
fn a_signed_envelope_of_another_form_is_refused() {
    let header = r#"{"alg":"HS256","typ":"registry-auth-keys+jws"}"#;
    let rows = [
        (
            header,
            r#"{"v":1,"set":"a","gen":1,"exp":2000,"keys":{}}"#,
            EnvelopeError::Version,
        ),
        (
            header,
            r#"{"v":3,"set":"a","gen":1,"exp":2000,"keys":{}}"#,
            EnvelopeError::Version,
        ),
        (
            header,
            r#"{"v":2,"set":1,"gen":1,"exp":2000,"keys":{}}"#,
            EnvelopeError::Malformed,
        ),
        (
            header,
            r#"{"v":2,"set":"a","gen":-1,"exp":2000,"keys":{}}"#,
            EnvelopeError::Malformed,
        ),
        (
            header,
            r#"{"v":2,"set":"a","gen":1,"exp":"2000","keys":{}}"#,
            EnvelopeError::Malformed,
        ),
        (
            header,
            r#"{"v":2,"set":"a","gen":1,"exp":2000,"keys":[]}"#,
            EnvelopeError::Malformed,
        ),
        (
            header,
            r#"{"v":2,"set":"a","gen":1,"exp":2000}"#,
            EnvelopeError::Malformed,
        ),
        (
            header,
            r#"{"v":2,"v":2,"set":"a","gen":1,"exp":2000,"keys":{}}"#,
            EnvelopeError::Malformed,
        ),
        (header, "[]", EnvelopeError::Malformed),
        (
            r#"{"alg":"none","typ":"registry-auth-keys+jws"}"#,
            "{}",
            EnvelopeError::Malformed,
        ),
        (
            r#"{"alg":"HS256","typ":"JWT"}"#,
            "{}",
            EnvelopeError::Malformed,
        ),
        (
            r#"{"alg":"HS256","typ":"JWT"}"#,
            r#"{"v":2,"set":"a","gen":1,"exp":2000,"keys":{}}"#,
            EnvelopeError::Malformed,
        ),
    ];
    for (header, payload, wanted) in rows {
        assert_eq!(
            open(signed(header, payload).as_bytes(), &key(1), NOW),
            Err(wanted),
            "{header} {payload}"
        );
    }
    assert_eq!(open(b"", &key(1), NOW), Err(EnvelopeError::Malformed));
    assert_eq!(open(b"\xff", &key(1), NOW), Err(EnvelopeError::Malformed));
    assert_eq!(
        open(&vec![b'a'; MAX_ENVELOPE + 1], &key(1), NOW),
        Err(EnvelopeError::TooLarge)
    );
}

#[test]
fn a_set_of_the_future_and_one_that_would_last_too_long_are_refused() {
    let ahead = u64::try_from(NOW.after(MAX_CLOCK_DIFFERENCE).millis()).unwrap();
    let end = |seconds: i64| UnixTime::from_secs(1000 + seconds);
    let rows = [
        ("the clock of the shim is ahead", ahead, end(3600), Ok(())),
        (
            "a generation further ahead",
            ahead + 1,
            end(3600),
            Err(EnvelopeError::Ahead),
        ),
        (
            "the greatest generation",
            u64::MAX,
            end(3600),
            Err(EnvelopeError::Ahead),
        ),
        (
            "the greatest that is a time",
            9_223_372_036_854_775_807,
            end(3600),
            Err(EnvelopeError::Ahead),
        ),
        ("the longest life", 1_000_000, NOW.after(MAX_LIFE), Ok(())),
        (
            "a longer one",
            999_000,
            NOW.after(MAX_LIFE),
            Err(EnvelopeError::TooLong),
        ),
        (
            "without end",
            1_000_000,
            UnixTime::from_secs(i64::MAX),
            Err(EnvelopeError::TooLong),
        ),
    ];
    for (name, generation, not_after, expected) in rows {
        for set in [SECRET, MINT] {
            let keys = PushedKeys {
                set: set.into(),
                generation,
                not_after,
                ..sample()
            };
            let opened = open(seal(&keys, &key(1), &NONCE).as_bytes(), &key(1), NOW);
            assert_eq!(opened.map(drop), expected, "{name}");
        }
    }
}

#[test]
fn a_name_says_what_its_keys_stand_for() {
    let rows = [
        (
            secret_set("us-east-1", "zot/keys"),
            "secret:us-east-1/zot/keys",
            false,
        ),
        (
            signing_set("us-east-1", "zot/keys"),
            "mint:us-east-1/zot/keys",
            true,
        ),
        (
            issuer_set("https://i.example", None),
            "oidc:https://i.example",
            false,
        ),
        (
            issuer_set("https://i.example", Some("https://k.example/k")),
            "oidc:https://i.example https://k.example/k",
            false,
        ),
        (issuer_set("mint:", None), "oidc:mint:", false),
    ];
    for (name, expected, signing) in rows {
        assert_eq!((name.as_str(), is_signing_set(&name)), (expected, signing));
    }
}
