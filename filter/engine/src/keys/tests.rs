mod cert;
mod jwk;
mod secret;

use serde_json::json;

use super::*;
use crate::authn::test_signer::{Signer, pem};

const CERTIFICATES: [(Kind, &str, &str); 5] = [
    (
        Kind::Rsa,
        include_str!("../../../../tests/fixtures/public/rsa.crt"),
        include_str!("../../../../tests/fixtures/public/rsa.pub"),
    ),
    (
        Kind::P256,
        include_str!("../../../../tests/fixtures/public/p256.crt"),
        include_str!("../../../../tests/fixtures/public/p256.pub"),
    ),
    (
        Kind::P384,
        include_str!("../../../../tests/fixtures/public/p384.crt"),
        include_str!("../../../../tests/fixtures/public/p384.pub"),
    ),
    (
        Kind::P521,
        include_str!("../../../../tests/fixtures/public/p521.crt"),
        include_str!("../../../../tests/fixtures/public/p521.pub"),
    ),
    (
        Kind::Ed25519,
        include_str!("../../../../tests/fixtures/public/ed25519.crt"),
        include_str!("../../../../tests/fixtures/public/ed25519.pub"),
    ),
];
const PKCS1: &str = include_str!("../../../../tests/fixtures/public/rsa.pkcs1");
const ED25519: &str = CERTIFICATES[4].2;

/// RFC 7515 A.3.
fn good() -> Value {
    json!({"kty":"EC","crv":"P-256","kid":"good",
        "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})
}

fn with(mut jwk: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        if value == "absent" {
            jwk.as_object_mut().unwrap().remove(name);
        } else {
            jwk[name] = value.clone();
        }
    }
    jwk
}

/// zot's test `TestBearerAuthorizerJWKSEdDSA`.
fn okp() -> Value {
    json!({"kty":"OKP","kid":"okp","crv":"Ed25519","x":"3pL95mHbZYNG6-YT_MqXKibGQrXF7WziWk25EcgEJGs"})
}

/// An RSA key of `bits` bits; its factors are unknown, and not needed.
fn rsa(bits: usize, changes: &Value) -> Value {
    let mut modulus = vec![0xff; bits.div_ceil(8)];
    if !bits.is_multiple_of(8) {
        modulus[0] = (1 << (bits % 8)) - 1;
    }
    with(
        json!({"kty":"RSA","kid":"rsa","n":base64url(&modulus),"e":"AQAB"}),
        changes,
    )
}

fn base64url(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

fn jwks(keys: &[Value]) -> Value {
    json!({ "keys": keys })
}

fn spki(text: &str) -> Vec<u8> {
    only(&KeySet::from_cert(text).unwrap()).spki_der().to_vec()
}

fn only(keys: &KeySet) -> PublicKey {
    assert_eq!(keys.len(), 1);
    keys.iter().next().unwrap().clone()
}

fn refusal(text: &str) -> KeysError {
    KeySet::from_cert(text).unwrap_err()
}

#[test]
fn a_byte_order_mark_before_a_set_is_skipped() {
    let text = format!("\u{feff}{}", jwks(&[good()]));
    assert_eq!(KeySet::from_jwks(text.as_bytes()).unwrap().keys.len(), 1);
    assert_eq!(KeySet::from_cert(&text).unwrap().len(), 1);
    assert!(
        is_key_text(&text)
            && is_key_text(&format!("\u{feff}\n{}", jwks(&[good()])))
            && is_key_text(ED25519)
    );
    assert!(
        !is_key_text("/etc/key.pem") && !is_key_text("\u{feff}/etc/key.pem") && !is_key_text("")
    );
    for other in [
        format!("\u{feff}{text}"),
        format!(" {text}"),
        text.replace('\u{feff}', "\u{fffe}"),
    ] {
        assert!(KeySet::from_jwks(other.as_bytes()).is_err(), "{other}");
    }
}

#[test]
fn a_thousand_keys_are_a_set_and_are_found_by_their_ids() {
    let named = |index: usize| with(okp(), &json!({"kid":format!("key-{index}")}));
    let entries: Vec<_> = (0..=MAX_KEYS).map(named).collect();
    let all = jwks(&entries).to_string();
    assert!(MAX_KEYS == 1000 && all.len() < MAX_TEXT);
    let loaded = KeySet::from_jwks(all.as_bytes()).unwrap();
    assert_eq!(loaded.keys.len(), MAX_KEYS);
    let skipped: Vec<_> = loaded.skipped.iter().map(ToString::to_string).collect();
    assert_eq!(skipped, ["`the last 1`: a set has 1,000 keys at most"]);
    for index in 0..MAX_KEYS {
        let id = format!("key-{index}");
        assert!(loaded.keys.contains(&id), "{id}");
        let found: Vec<_> = loaded
            .keys
            .fitting(Some(&id), Algorithm::EdDsa)
            .filter_map(PublicKey::key_id)
            .collect();
        assert_eq!(found, [&KeyId::new(id.clone())]);
        assert_eq!(
            loaded.keys.fitting(Some(&id), Algorithm::Es256).count(),
            0,
            "{id}"
        );
    }
    assert!(!loaded.keys.contains("key-1000"));
    assert_eq!(
        loaded.keys.fitting(None, Algorithm::EdDsa).count(),
        MAX_KEYS
    );
    let written = loaded.keys.to_jwks();
    assert_eq!(KeySet::from_jwks_value(&written).unwrap().keys, loaded.keys);
}

#[test]
fn the_set_of_rfc_7517_a1_gives_its_signature_key() {
    let text = br#"{"keys":[
        {"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM","use":"enc","kid":"1"},
        {"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}]}"#;
    let loaded = KeySet::from_jwks(text).unwrap();
    assert!(only(&loaded.keys).fits(Algorithm::Rs256));
    assert!(loaded.keys.contains("2011-04-29") && !loaded.keys.contains("1"));
    assert_eq!(
        loaded.skipped[0].to_string(),
        "`1`: it is not for verifying signatures"
    );
}

#[test]
fn a_text_that_is_no_jwks_is_refused_whole() {
    let rows = [
        ("null", KeysError::NotAnObject("null")),
        ("[]", KeysError::NotAnObject("an array")),
        ("\"x\"", KeysError::NotAnObject("a string")),
        ("true", KeysError::NotAnObject("a boolean")),
        ("{}", KeysError::NotJwks),
        (r#"{"keys":"x"}"#, KeysError::NotJwks),
        (r#"{"keys":[]}"#, KeysError::NoUsableKey(vec![])),
    ];
    for (text, error) in rows {
        assert_eq!(KeySet::from_jwks(text.as_bytes()), Err(error), "{text}");
    }
    for text in [
        "",
        "<html>",
        "{",
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[{"kty":"EC","kty":"RSA"}]}"#,
    ] {
        assert!(
            matches!(KeySet::from_jwks(text.as_bytes()), Err(KeysError::Json(_))),
            "{text}"
        );
    }
    let long = format!("{}{}", jwks(&[good()]), " ".repeat(MAX_TEXT));
    assert_eq!(KeySet::from_jwks(long.as_bytes()), Err(KeysError::TooLong));
    assert!(KeySet::from_jwks(&long.as_bytes()[..MAX_TEXT]).is_ok());
}

#[test]
fn keys_may_share_an_id_up_to_a_limit() {
    let nameless = with(good(), &json!({"kid":"absent"}));
    let entries: Vec<_> = (0..10)
        .map(|_| good())
        .chain((0..10).map(|_| nameless.clone()))
        .collect();
    let loaded = KeySet::from_jwks_value(&jwks(&entries)).unwrap();
    assert_eq!(
        (loaded.keys.len(), loaded.skipped.len()),
        (MAX_SAME_ID + 10, 2)
    );
    assert_eq!(
        *loaded.skipped[0].reason,
        KeysError::Key(KeyError::TooManyWithOneId)
    );
    assert_eq!(
        loaded.keys.fitting(Some("good"), Algorithm::Es256).count(),
        MAX_SAME_ID
    );
}

#[test]
fn a_written_set_is_read_back_and_holds_nothing_private() {
    let mut entries = vec![with(
        good(),
        &json!({"d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE","alg":"ES256"}),
    )];
    entries.extend(
        ["d", "p", "q", "dp", "dq", "qi", "oth"]
            .map(|member| rsa(2048, &json!({member:"AAAA","kid":member}))),
    );
    let private = entries.len();
    entries.push(with(good(), &json!({"alg":"ES256"})));
    entries.extend(
        Algorithm::ALL
            .iter()
            .map(|algorithm| Signer::new(*algorithm).jwk(&json!({"alg":algorithm.name()}))),
    );
    let Loaded { keys, skipped } = KeySet::from_jwks_value(&jwks(&entries)).unwrap();
    let written = keys.to_jwks();
    assert_eq!((keys.len(), skipped.len()), (11, private));
    assert_eq!(
        KeySet::from_jwks_value(&written).unwrap(),
        Loaded {
            keys,
            skipped: vec![]
        }
    );
    for entry in written["keys"].as_array().unwrap() {
        for member in entry.as_object().unwrap().keys() {
            assert!(
                ["kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"].contains(&member.as_str()),
                "{member}"
            );
        }
    }
    assert_eq!(
        written["keys"][0],
        with(good(), &json!({"alg":"ES256","use":"sig"}))
    );
}

#[test]
fn messages_are_one_short_line_without_content() {
    let id = format!("a\nb\u{1b}[31m{}", "x".repeat(1000));
    let values: Vec<_> = (0..5)
        .map(|index| (format!("{index}{id}"), json!("secret")))
        .collect();
    let error = KeySet::from_secret(
        Value::Object(values.into_iter().collect())
            .to_string()
            .as_bytes(),
    )
    .unwrap_err();
    let message = error.to_string();
    assert!(
        message.len() < 600 && message.ends_with("; and 2 more)"),
        "{message}"
    );
    assert!(
        !message.contains(['\n', '\u{1b}']) && !message.contains("secret"),
        "{message}"
    );
    let keys = KeySet::from_cert(&jwks(&[good()]).to_string()).unwrap();
    assert!(!format!("{keys:?}").contains("f83OJ3"), "{keys:?}");
}

#[test]
fn a_text_that_was_cut_gives_no_key() {
    let set = jwks(&[good()]).to_string();
    for end in 0..set.len() {
        assert!(KeySet::from_jwks(&set.as_bytes()[..end]).is_err(), "{end}");
    }
    for text in [PKCS1, ED25519, CERTIFICATES[3].1] {
        let whole = text.trim_end();
        for end in (0..whole.len()).step_by(7) {
            assert!(
                KeySet::from_cert(whole.get(..end).unwrap()).is_err(),
                "{end}"
            );
        }
    }
    // A DER whose end is missing is not read up to where it goes.
    let der = spki(CERTIFICATES[0].2);
    for end in 0..der.len() {
        assert!(
            KeySet::from_cert(&pem("PUBLIC KEY", &der[..end])).is_err(),
            "{end}"
        );
    }
    // Nor one that claims to have 86 MB of parameters.
    let claims = [
        &[0x30, 0x81, 0x9b, 0x30, 0x10, 6, 7],
        &der[..7],
        &[6, 0x84, 5, 0x2b, 0x81, 4, 0, 0x23],
    ]
    .concat();
    assert!(KeySet::from_cert(&pem("PUBLIC KEY", &claims)).is_err());
}
