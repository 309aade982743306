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

fn request(generation: Option<u64>) -> PushRequest {
    PushRequest {
        set: SECRET.into(),
        nonce: vec![5; 32],
        at: NOW,
        generation,
    }
}

fn response() -> PushResponse {
    PushResponse {
        status: 200,
        generation: 7,
        wanted: true,
        reads_bodies: true,
        error: None,
    }
}

#[test]
fn a_request_is_believed_with_the_push_key_while_it_is_fresh() {
    for request in [request(None), request(Some(7))] {
        let text = request.sign(&key(1));
        assert_eq!(
            PushRequest::verify(text.as_bytes(), &key(1), NOW),
            Ok(request.clone())
        );
        assert_eq!(
            PushRequest::verify(text.as_bytes(), &key(2), NOW),
            Err(ExchangeError::Unproven)
        );
        for apart in [
            MAX_CLOCK_DIFFERENCE,
            MAX_CLOCK_DIFFERENCE + Duration::from_millis(1),
        ] {
            for now in [NOW.after(apart), NOW.before(apart)] {
                let expected = if apart == MAX_CLOCK_DIFFERENCE {
                    Ok(())
                } else {
                    Err(ExchangeError::Clock)
                };
                assert_eq!(
                    PushRequest::verify(text.as_bytes(), &key(1), now).map(drop),
                    expected,
                    "{apart:?}"
                );
            }
        }
        for index in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            assert_eq!(
                PushRequest::verify(&changed, &key(1), NOW),
                Err(ExchangeError::Unproven),
                "byte {index}"
            );
        }
    }
    for length in [0, 15, 65] {
        let text = PushRequest {
            nonce: vec![5; length],
            ..request(None)
        }
        .sign(&key(1));
        assert_eq!(
            PushRequest::verify(text.as_bytes(), &key(1), NOW),
            Err(ExchangeError::Unproven),
            "{length}"
        );
    }
}

#[test]
fn a_response_answers_one_request_and_no_other() {
    let asked = request(None);
    let refused = PushResponse {
        status: 409,
        error: Some("no".to_owned()),
        ..response()
    };
    let without_bodies = PushResponse {
        reads_bodies: false,
        ..response()
    };
    for response in [response(), refused, without_bodies] {
        let text = response.sign(&asked, &key(1));
        let status = response.status;
        let verify = |status, request: &PushRequest, key: &PushKey| {
            PushResponse::verify(text.as_bytes(), status, request, key)
        };
        assert_eq!(verify(status, &asked, &key(1)), Ok(response));
        let unproven = Err(ExchangeError::Unproven);
        assert_eq!(
            verify(status, &asked, &key(2)),
            unproven,
            "another push key"
        );
        assert_eq!(verify(204, &asked, &key(1)), unproven, "another status");
        let other = PushRequest {
            nonce: vec![6; 32],
            ..asked.clone()
        };
        assert_eq!(verify(status, &other, &key(1)), unproven, "an old nonce");
        let other = PushRequest {
            set: MINT.into(),
            ..asked.clone()
        };
        assert_eq!(verify(status, &other, &key(1)), unproven, "another set");
    }
}

#[test]
fn no_part_of_the_protocol_stands_in_for_another() {
    let asked = request(Some(7));
    let texts = [
        ("envelope", seal(&sample(), &key(1), &NONCE)),
        ("request", asked.sign(&key(1))),
        ("response", response().sign(&asked, &key(1))),
    ];
    for (name, text) in &texts {
        assert_eq!(
            open(text.as_bytes(), &key(1), NOW).is_ok(),
            *name == "envelope",
            "{name}"
        );
        assert_eq!(
            PushRequest::verify(text.as_bytes(), &key(1), NOW).is_ok(),
            *name == "request",
            "{name}"
        );
        let response = PushResponse::verify(text.as_bytes(), 200, &asked, &key(1));
        assert_eq!(response.is_ok(), *name == "response", "{name}");
    }
    // The type is checked too, not the key alone.
    let header = json!({ "alg": "HS256", "typ": TYPE }).to_string();
    for purpose in [Purpose::Request, Purpose::Response] {
        let (_, text) = &texts[if purpose == Purpose::Request { 1 } else { 2 }];
        let text = signed_for(purpose, &header, &payload_of(text).to_string());
        assert!(PushRequest::verify(text.as_bytes(), &key(1), NOW).is_err());
        assert!(PushResponse::verify(text.as_bytes(), 200, &asked, &key(1)).is_err());
    }
}

#[test]
fn other_versions_and_forms_of_an_exchange_are_refused() {
    let header = |kind: &str| json!({ "alg": "HS256", "typ": kind }).to_string();
    let good = payload_of(&request(Some(7)).sign(&key(1)));
    let rows = [
        ("v", json!(1), ExchangeError::Version),
        ("v", json!("2"), ExchangeError::Version),
        ("set", json!(null), ExchangeError::Unproven),
        ("nonce", json!("!"), ExchangeError::Unproven),
        ("at", json!("1000"), ExchangeError::Unproven),
        ("gen", json!(null), ExchangeError::Unproven),
        ("gen", json!(-1), ExchangeError::Unproven),
    ];
    for (name, value, expected) in rows {
        let mut payload = good.clone();
        payload[name] = value;
        let text = signed_for(
            Purpose::Request,
            &header("registry-auth-request+jws"),
            &payload.to_string(),
        );
        assert_eq!(
            PushRequest::verify(text.as_bytes(), &key(1), NOW),
            Err(expected),
            "{payload}"
        );
    }
    let good = payload_of(&response().sign(&request(None), &key(1)));
    for (name, value) in [
        ("v", json!(1)),
        ("status", json!("200")),
        ("gen", json!(-1)),
        ("wanted", json!(0)),
        ("bodies", json!(0)),
    ] {
        let mut payload = good.clone();
        payload[name] = value;
        let text = signed_for(
            Purpose::Response,
            &header("registry-auth-response+jws"),
            &payload.to_string(),
        );
        assert!(
            PushResponse::verify(text.as_bytes(), 200, &request(None), &key(1)).is_err(),
            "{payload}"
        );
    }
    let long = PushRequest {
        set: "s".repeat(MAX_MESSAGE),
        ..request(None)
    }
    .sign(&key(1));
    assert_eq!(
        PushRequest::verify(long.as_bytes(), &key(1), NOW),
        Err(ExchangeError::Unproven)
    );
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
