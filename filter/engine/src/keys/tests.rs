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
    with(json!({"kty":"RSA","kid":"rsa","n":base64url(&modulus),"e":"AQAB"}), changes)
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
fn a_certificate_and_its_public_key_are_the_same_key() {
    for (kind, certificate, public) in CERTIFICATES {
        let key = only(&KeySet::from_cert(certificate).unwrap());
        assert_eq!((key.kind(), key.key_id(), key.algorithm()), (kind, None, None));
        assert_eq!(key.spki_der(), spki(public), "{kind:?}");
        assert_eq!(pem("PUBLIC KEY", key.spki_der()), public, "{kind:?}");
    }
    assert_eq!(spki(PKCS1), spki(CERTIFICATES[0].1));
}

#[test]
fn pem_is_read_forgivingly() {
    let expected = spki(ED25519);
    let other = CERTIFICATES[1].2;
    let body = ED25519.lines().nth(1).unwrap();
    let rows = [
        format!("some text\nmore: of it\n\n{ED25519}"),
        format!("{{ not JSON\n{ED25519}"),
        format!("\u{feff}{ED25519}"),
        format!("{ED25519}{other}"),
        format!("{ED25519}trailing text"),
        ED25519.replace('\n', "\r\n"),
        ED25519.replace('\n', "\\n"),
        ED25519.replace('\n', "\\r\\n"),
        ED25519.replace('\n', " "),
        ED25519.replace('\n', ""),
        ED25519.replace('\n', "\n    "),
        ED25519.replace('\n', "\n\n"),
        ED25519.trim_end().to_owned(),
        ED25519.replace(body, &body.split("").collect::<Vec<_>>().join("\n")),
        ED25519.replace("PUBLIC KEY", "CERTIFICATE"),
        ED25519.replace("PUBLIC KEY", "ANYTHING AT ALL"),
        ED25519.replace("PUBLIC KEY", "PRIVATE KEY"),
    ];
    for text in rows {
        assert_eq!(spki(&text), expected, "{text}");
    }
}

#[test]
fn what_is_no_public_key_in_pem_is_refused() {
    let body = ED25519.lines().nth(1).unwrap();
    let rsa = CERTIFICATES[0].2;
    let rows = [
        ("", KeyError::NoPem),
        ("not-a-pem-key", KeyError::NoPem),
        ("-----BEGIN", KeyError::NoPem),
        (body, KeyError::NoPem),
        ("-----BEGIN PUBLIC KEY-----", KeyError::MalformedPem),
        (&ED25519.replace("-----END PUBLIC KEY-----", ""), KeyError::MalformedPem),
        (&ED25519.replace("END PUBLIC KEY", "END OTHER KEY"), KeyError::MalformedPem),
        (&ED25519.replace(body, "?"), KeyError::MalformedPem),
        (&ED25519.replace(body, ""), KeyError::NotAPublicKey),
        (&ED25519.replace(body, "AAAA"), KeyError::NotAPublicKey),
        (&ED25519.replace(body, body.trim_start_matches("MCow")), KeyError::NotAPublicKey),
        (
            &format!("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{ED25519}"),
            KeyError::NotAPublicKey,
        ),
        (&rsa.replace("MIIB", "MIIC"), KeyError::NotAPublicKey),
        (include_str!("../../../../tests/fixtures/public/pss.pub"), KeyError::UnsupportedType),
        (
            "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VuAyEAhjr13HlkOD/Hmh5drRTVjmrAYToeCde55Vlymh7CmA8=\n-----END PUBLIC KEY-----",
            KeyError::UnsupportedType,
        ),
        (
            "-----BEGIN PUBLIC KEY-----\nMFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEs/67Y806M5mLA6zcex/ayFOZdV8l14l+\nfPCM1OHWkNZZeVxwOc2NTabp9g3Si0Uk0MRcYpAzIfIHi17j8O0VwQ==\n-----END PUBLIC KEY-----",
            KeyError::UnsupportedCurve,
        ),
        (
            "-----BEGIN PUBLIC KEY-----\nMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC2LsX1nb+TcO/eq34EiShMlO/X\niCbqEVn44Ciay91IDr/045OR+Fo/rbEwe8TnXTMwbyxJFBrLZmzu02I3ATcrqAi1\n35D47J9D+woOjOF/YktcfY0auHfWlbZ9GhRxjTKHbXA1Man61sGW27Ov/wy+C/7E\nimW/AMlu0C+i8eSj5wIDAQAB\n-----END PUBLIC KEY-----",
            KeyError::TooShort,
        ),
    ];
    for (text, error) in rows {
        assert_eq!(refusal(text), KeysError::Key(error), "{text}");
    }
    let tampered =
        spki(CERTIFICATES[1].2).iter().rev().enumerate().map(|(i, b)| b ^ u8::from(i == 0)).rev().collect::<Vec<_>>();
    assert_eq!(refusal(&pem("PUBLIC KEY", &tampered)), KeysError::Key(KeyError::BadPoint));
    assert_eq!(refusal(&" ".repeat(MAX_TEXT + 1)), KeysError::TooLong);
}

#[test]
fn private_keys_are_refused_by_name() {
    let encrypted = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let labelled = |label| pem(label, &[0x30, 3, 2, 1, 0]);
    let rows = [
        labelled("PRIVATE KEY"),
        labelled("RSA PRIVATE KEY"),
        labelled("EC PRIVATE KEY"),
        labelled("ENCRYPTED PRIVATE KEY"),
        labelled("OPENSSH PRIVATE KEY"),
        format!("{}{ED25519}", labelled("PRIVATE KEY")),
        encrypted.to_owned(),
    ];
    for text in rows {
        assert_eq!(refusal(&text), KeysError::Key(KeyError::PrivateKey), "{text}");
    }
}

#[test]
fn json_in_cert_is_a_jwks_of_one_key() {
    let rows = [
        ("{}".to_owned(), KeysError::NotJwks),
        (good().to_string(), KeysError::NotJwks),
        (r#"{"keys":{}}"#.to_owned(), KeysError::NotJwks),
        (r#"{"keys":null}"#.to_owned(), KeysError::NotJwks),
        ("[]".to_owned(), KeysError::NotAnObject("an array")),
        ("null".to_owned(), KeysError::NotAnObject("null")),
        ("1".to_owned(), KeysError::NotAnObject("a number")),
        (json!(ED25519).to_string(), KeysError::NotAnObject("a string")),
        (jwks(&[]).to_string(), KeysError::NotOneKey(0)),
        (jwks(&[good(), good()]).to_string(), KeysError::NotOneKey(2)),
        (jwks(&[good(), json!(1)]).to_string(), KeysError::NotOneKey(2)),
        (jwks(&[with(good(), &json!({"use":"enc"}))]).to_string(), KeysError::Key(KeyError::NotForSignatures)),
    ];
    for (text, error) in rows {
        assert_eq!(refusal(&text), error, "{text}");
    }
    for text in [r#"{"keys":[],"keys":[]}"#, r#"{"keys":["#, "{"] {
        assert!(matches!(refusal(text), KeysError::Json(_)), "{text}");
    }
    let key = only(&KeySet::from_cert(&format!(" {}\n", jwks(&[with(good(), &json!({"alg":"ES256"}))]))).unwrap());
    assert_eq!((key.key_id().map(KeyId::as_str), key.algorithm()), (Some("good"), Some(Algorithm::Es256)));
}

#[test]
fn a_jwk_that_cannot_be_used_is_skipped_alone() {
    let ed = json!({"kty":"OKP","crv":"Ed25519","kid":"ed","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let zero = base64url(&[0; 32]);
    let rows = [
        (json!(null), KeyError::NotAnObject),
        (json!("key"), KeyError::NotAnObject),
        (json!({}), KeyError::Member("kty")),
        (with(good(), &json!({"kty":7})), KeyError::Member("kty")),
        (with(good(), &json!({"kty":"XYZ"})), KeyError::UnsupportedType),
        (with(good(), &json!({"kty":"ec"})), KeyError::UnsupportedType),
        (json!({"kty":"oct","k":"AAAA"}), KeyError::Symmetric),
        (json!({"kty":"oct","k":"AAAA","alg":"HS256"}), KeyError::Symmetric),
        (with(good(), &json!({"use":"enc"})), KeyError::NotForSignatures),
        (with(good(), &json!({"use":""})), KeyError::NotForSignatures),
        (with(good(), &json!({"use":["sig"]})), KeyError::Member("use")),
        (with(good(), &json!({"key_ops":[]})), KeyError::NotForSignatures),
        (with(good(), &json!({"key_ops":["sign","encrypt"]})), KeyError::NotForSignatures),
        (with(good(), &json!({"key_ops":"verify"})), KeyError::Member("key_ops")),
        (with(good(), &json!({"alg":"HS256"})), KeyError::UnsupportedAlgorithm),
        (with(good(), &json!({"alg":"none"})), KeyError::UnsupportedAlgorithm),
        (with(good(), &json!({"alg":"ECDH-ES"})), KeyError::UnsupportedAlgorithm),
        (with(good(), &json!({"alg":"ES384"})), KeyError::AlgorithmMismatch),
        (with(good(), &json!({"alg":"RS256"})), KeyError::AlgorithmMismatch),
        (with(good(), &json!({"kid":7})), KeyError::Member("kid")),
        (with(good(), &json!({"crv":"absent"})), KeyError::Member("crv")),
        (with(good(), &json!({"crv":"secp256k1"})), KeyError::UnsupportedCurve),
        (with(good(), &json!({"crv":"P-384"})), KeyError::Member("x")),
        (with(good(), &json!({"x":"absent"})), KeyError::Member("x")),
        (with(good(), &json!({"y":"absent"})), KeyError::Member("y")),
        (with(good(), &json!({"x":7})), KeyError::Member("x")),
        (with(good(), &json!({"x":"AA"})), KeyError::Member("x")),
        (with(good(), &json!({"x":base64url(&[0; 33])})), KeyError::Member("x")),
        (with(good(), &json!({"x":zero,"y":zero})), KeyError::BadPoint),
        (with(good(), &json!({"y":good()["x"]})), KeyError::BadPoint),
        (with(good(), &json!({"x":base64url(&[0xff; 32])})), KeyError::BadPoint),
        (with(ed.clone(), &json!({"crv":"Ed448"})), KeyError::UnsupportedCurve),
        (with(ed.clone(), &json!({"crv":"X25519"})), KeyError::UnsupportedCurve),
        (with(ed.clone(), &json!({"x":"AA"})), KeyError::Member("x")),
        (with(ed.clone(), &json!({"x":zero})), KeyError::BadPoint),
        (with(ed.clone(), &json!({"x":base64url(&[2; 32])})), KeyError::BadPoint),
        (with(ed, &json!({"alg":"ES256"})), KeyError::AlgorithmMismatch),
        (rsa(2047, &json!({})), KeyError::TooShort),
        (rsa(1024, &json!({})), KeyError::TooShort),
        (rsa(8193, &json!({})), KeyError::TooLong),
        (rsa(2048, &json!({"n":""})), KeyError::TooShort),
        (rsa(2048, &json!({"n":"absent"})), KeyError::Member("n")),
        (rsa(2048, &json!({"n":"AQAB="})), KeyError::Member("n")),
        (rsa(2048, &json!({"n":"AQ==="})), KeyError::Member("n")),
        (rsa(2048, &json!({"n":"AR=="})), KeyError::Member("n")),
        (rsa(2048, &json!({"n":"AQ==AQAB"})), KeyError::Member("n")),
        (rsa(2048, &json!({"n":" AQAB"})), KeyError::Member("n")),
        (rsa(2048, &json!({"n":"AQ\nAB"})), KeyError::Member("n")),
        (rsa(2048, &json!({"n":null})), KeyError::Member("n")),
        (rsa(2048, &json!({"e":null})), KeyError::Member("e")),
        (with(good(), &json!({"kty":null})), KeyError::Member("kty")),
        (with(good(), &json!({"crv":null})), KeyError::Member("crv")),
        (with(good(), &json!({"x":null})), KeyError::Member("x")),
        (with(good(), &json!({"y":null})), KeyError::Member("y")),
        (with(good(), &json!({"kid":"", "use":"enc"})), KeyError::NotForSignatures),
        (with(good(), &json!({"alg":"ESP256"})), KeyError::UnsupportedAlgorithm),
        (with(good(), &json!({"alg":"Ed25519"})), KeyError::AlgorithmMismatch),
        (with(okp(), &json!({"alg":"Ed448"})), KeyError::UnsupportedAlgorithm),
        (with(okp(), &json!({"crv":"Ed448","alg":"Ed448"})), KeyError::UnsupportedCurve),
        (with(okp(), &json!({"crv":"Ed448"})), KeyError::UnsupportedCurve),
        (with(okp(), &json!({"x":null})), KeyError::Member("x")),
        (rsa(2048, &json!({"n":base64url(&[0xfe; 256])})), KeyError::BadRsa),
        (rsa(2048, &json!({"e":"absent"})), KeyError::Member("e")),
        (rsa(2048, &json!({"e":65537})), KeyError::Member("e")),
        (rsa(2048, &json!({"e":""})), KeyError::BadRsa),
        (rsa(2048, &json!({"e":"AQ"})), KeyError::BadRsa),
        (rsa(2048, &json!({"e":"BA"})), KeyError::BadRsa),
        (rsa(2048, &json!({"e":base64url(&[0xff; 5])})), KeyError::BadRsa),
        (rsa(2048, &json!({"e":base64url(&[0xff; 300])})), KeyError::BadRsa),
        (rsa(2048, &json!({"alg":"ES256"})), KeyError::AlgorithmMismatch),
        (rsa(2048, &json!({"alg":"RSA-OAEP"})), KeyError::UnsupportedAlgorithm),
    ];
    for (entry, reason) in rows {
        let reason = Box::new(KeysError::Key(reason));
        let which = entry["kid"].as_str().filter(|id| !id.is_empty()).unwrap_or("keys[0]").to_owned();
        let skipped = vec![Skipped { which, reason }];
        let loaded = KeySet::from_jwks_value(&jwks(&[entry.clone(), good()])).unwrap();
        assert_eq!(loaded.skipped, skipped, "{entry}");
        assert_eq!(loaded.keys, KeySet::from_jwks_value(&jwks(&[good()])).unwrap().keys, "{entry}");
        let alone = KeySet::from_jwks(jwks(&[entry]).to_string().as_bytes());
        assert_eq!(alone, Err(KeysError::NoUsableKey(skipped)));
    }
}

#[test]
fn a_jwk_that_can_be_used_is_used() {
    let rows = [
        (good(), Kind::P256),
        (with(good(), &json!({"use":"sig","alg":"ES256","key_ops":["verify"]})), Kind::P256),
        (with(good(), &json!({"key_ops":["sign","verify"],"x5c":["?"],"x5t":7,"other":{}})), Kind::P256),
        (with(good(), &json!({"use":null,"alg":null,"key_ops":null,"x5c":null,"x5t":null,"kid":null})), Kind::P256),
        (with(okp(), &json!({"alg":"EdDSA"})), Kind::Ed25519),
        (with(good(), &json!({"kid":"absent","d":7})), Kind::P256),
        (rsa(2048, &json!({})), Kind::Rsa),
        (rsa(2049, &json!({"alg":"PS512"})), Kind::Rsa),
        (rsa(8192, &json!({"e":"Aw"})), Kind::Rsa),
        (rsa(2048, &json!({"n":base64url(&[&[0, 0][..], &[0xff; 256][..]].concat())})), Kind::Rsa),
    ];
    for (entry, kind) in rows {
        let loaded = KeySet::from_jwks(jwks(std::slice::from_ref(&entry)).to_string().as_bytes()).unwrap();
        let key = only(&loaded.keys);
        assert_eq!((key.kind(), loaded.skipped.len()), (kind, 0), "{entry}");
        assert_eq!(key.key_id().map(KeyId::as_str), entry["kid"].as_str(), "{entry}");
        assert_eq!(key.algorithm().map(Algorithm::name), entry["alg"].as_str(), "{entry}");
    }
}

#[test]
fn one_key_written_in_another_way_is_the_same_key() {
    let standard = |text: &str| text.replace('-', "+").replace('_', "/");
    let padded = |text: &str| format!("{text}{}", "=".repeat((4 - text.len() % 4) % 4));
    let again = |mut jwk: Value, write: &dyn Fn(&str) -> String| {
        for name in ["n", "e", "x", "y"] {
            if let Some(text) = jwk[name].as_str().map(write) {
                jwk[name] = text.into();
            }
        }
        jwk
    };
    for entry in [good(), okp(), rsa(2048, &json!({})), rsa(2049, &json!({"e":"Aw"}))] {
        let read = |jwk: Value| only(&KeySet::from_jwks_value(&jwks(&[jwk])).unwrap().keys);
        let key = read(entry.clone());
        let ways: [&dyn Fn(&str) -> String; 3] = [&standard, &padded, &|text| padded(&standard(text))];
        for write in ways {
            let other = again(entry.clone(), write);
            assert_eq!(read(other.clone()), key, "{other}");
        }
    }
    assert_eq!(padded("AQ"), "AQ==");
    let named = only(&KeySet::from_jwks_value(&jwks(&[with(okp(), &json!({"alg":"Ed25519"}))])).unwrap().keys);
    assert_eq!(named.algorithm(), Some(Algorithm::EdDsa));
}

#[test]
fn an_empty_key_id_is_none() {
    let entries = vec![with(good(), &json!({"kid":""})); MAX_SAME_ID + 1];
    let loaded = KeySet::from_jwks_value(&jwks(&entries)).unwrap();
    assert_eq!((loaded.keys.len(), loaded.skipped.len()), (MAX_SAME_ID + 1, 0));
    assert!(loaded.keys.iter().all(|key| key.key_id().is_none()) && !loaded.keys.contains(""));
    assert_eq!(loaded.keys.fitting(None, Algorithm::Es256).count(), MAX_SAME_ID + 1);
    assert_eq!(loaded.keys.fitting(Some(""), Algorithm::Es256).count(), 0);
}

#[test]
fn a_byte_order_mark_before_a_set_is_skipped() {
    let text = format!("\u{feff}{}", jwks(&[good()]));
    assert_eq!(KeySet::from_jwks(text.as_bytes()).unwrap().keys.len(), 1);
    assert_eq!(KeySet::from_cert(&text).unwrap().len(), 1);
    assert!(is_key_text(&text) && is_key_text(&format!("\u{feff}\n{}", jwks(&[good()]))) && is_key_text(ED25519));
    assert!(!is_key_text("/etc/key.pem") && !is_key_text("\u{feff}/etc/key.pem") && !is_key_text(""));
    for other in [format!("\u{feff}{text}"), format!(" {text}"), text.replace('\u{feff}', "\u{fffe}")] {
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
        let found: Vec<_> = loaded.keys.fitting(Some(&id), Algorithm::EdDsa).filter_map(PublicKey::key_id).collect();
        assert_eq!(found, [&KeyId::new(id.clone())]);
        assert_eq!(loaded.keys.fitting(Some(&id), Algorithm::Es256).count(), 0, "{id}");
    }
    assert!(!loaded.keys.contains("key-1000"));
    assert_eq!(loaded.keys.fitting(None, Algorithm::EdDsa).count(), MAX_KEYS);
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
    assert_eq!(loaded.skipped[0].to_string(), "`1`: it is not for verifying signatures");
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
    for text in ["", "<html>", "{", r#"{"keys":[],"keys":[]}"#, r#"{"keys":[{"kty":"EC","kty":"RSA"}]}"#] {
        assert!(matches!(KeySet::from_jwks(text.as_bytes()), Err(KeysError::Json(_))), "{text}");
    }
    let long = format!("{}{}", jwks(&[good()]), " ".repeat(MAX_TEXT));
    assert_eq!(KeySet::from_jwks(long.as_bytes()), Err(KeysError::TooLong));
    assert!(KeySet::from_jwks(&long.as_bytes()[..MAX_TEXT]).is_ok());
}

#[test]
fn keys_may_share_an_id_up_to_a_limit() {
    let nameless = with(good(), &json!({"kid":"absent"}));
    let entries: Vec<_> = (0..10).map(|_| good()).chain((0..10).map(|_| nameless.clone())).collect();
    let loaded = KeySet::from_jwks_value(&jwks(&entries)).unwrap();
    assert_eq!((loaded.keys.len(), loaded.skipped.len()), (MAX_SAME_ID + 10, 2));
    assert_eq!(*loaded.skipped[0].reason, KeysError::Key(KeyError::TooManyWithOneId));
    assert_eq!(loaded.keys.fitting(Some("good"), Algorithm::Es256).count(), MAX_SAME_ID);
}

#[test]
fn a_written_set_is_read_back_and_holds_nothing_private() {
    let mut entries = vec![with(good(), &json!({"d":"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE","alg":"ES256"}))];
    entries.push(rsa(2048, &json!({"d":"AAAA","p":"AAAA","q":"AAAA","dp":"AAAA","dq":"AAAA","qi":"AAAA","oth":[]})));
    entries.extend(Algorithm::ALL.map(|algorithm| Signer::new(algorithm).jwk(&json!({"alg":algorithm.name()}))));
    let keys = KeySet::from_jwks_value(&jwks(&entries)).unwrap().keys;
    let written = keys.to_jwks();
    assert_eq!(keys.len(), 12);
    assert_eq!(KeySet::from_jwks_value(&written).unwrap(), Loaded { keys, skipped: vec![] });
    for entry in written["keys"].as_array().unwrap() {
        for member in entry.as_object().unwrap().keys() {
            assert!(["kty", "crv", "x", "y", "n", "e", "kid", "alg", "use"].contains(&member.as_str()), "{member}");
        }
    }
    assert_eq!(written["keys"][0], with(good(), &json!({"alg":"ES256","use":"sig"})));
}

#[test]
fn messages_are_one_short_line_without_content() {
    let id = format!("a\nb\u{1b}[31m{}", "x".repeat(1000));
    let values: Vec<_> = (0..5).map(|index| (format!("{index}{id}"), json!("secret"))).collect();
    let error = KeySet::from_secret(Value::Object(values.into_iter().collect()).to_string().as_bytes()).unwrap_err();
    let message = error.to_string();
    assert!(message.len() < 600 && message.ends_with("; and 2 more)"), "{message}");
    assert!(!message.contains(['\n', '\u{1b}']) && !message.contains("secret"), "{message}");
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
            assert!(KeySet::from_cert(whole.get(..end).unwrap()).is_err(), "{end}");
        }
    }
    // A DER whose end is missing is not read up to where it goes.
    let der = spki(CERTIFICATES[0].2);
    for end in 0..der.len() {
        assert!(KeySet::from_cert(&pem("PUBLIC KEY", &der[..end])).is_err(), "{end}");
    }
    // Nor one that claims to have 86 MB of parameters.
    let claims = [&[0x30, 0x81, 0x9b, 0x30, 0x10, 6, 7], &der[..7], &[6, 0x84, 5, 0x2b, 0x81, 4, 0, 0x23]].concat();
    assert!(KeySet::from_cert(&pem("PUBLIC KEY", &claims)).is_err());
}
