//! One JWK: when it is used, and when it is skipped.

use super::*;

#[test]
fn a_jwk_that_cannot_be_used_is_skipped_alone() {
    let ed = json!({"kty":"OKP","crv":"Ed25519","kid":"ed","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
    let zero = base64url(&[0; 32]);
    let rows = [
        (json!(null), KeyError::NotAnObject),
        (json!("key"), KeyError::NotAnObject),
        (json!({}), KeyError::Member("kty")),
        (with(good(), &json!({"kty":7})), KeyError::Member("kty")),
        (
            with(good(), &json!({"kty":"XYZ"})),
            KeyError::UnsupportedType,
        ),
        (
            with(good(), &json!({"kty":"ec"})),
            KeyError::UnsupportedType,
        ),
        (json!({"kty":"oct","k":"AAAA"}), KeyError::Symmetric),
        (
            json!({"kty":"oct","k":"AAAA","alg":"HS256"}),
            KeyError::Symmetric,
        ),
        (
            with(good(), &json!({"use":"enc"})),
            KeyError::NotForSignatures,
        ),
        (with(good(), &json!({"use":""})), KeyError::NotForSignatures),
        (
            with(good(), &json!({"use":["sig"]})),
            KeyError::Member("use"),
        ),
        (
            with(good(), &json!({"key_ops":[]})),
            KeyError::NotForSignatures,
        ),
        (
            with(good(), &json!({"key_ops":["sign","encrypt"]})),
            KeyError::NotForSignatures,
        ),
        (
            with(good(), &json!({"key_ops":"verify"})),
            KeyError::Member("key_ops"),
        ),
        (
            with(good(), &json!({"alg":"HS256"})),
            KeyError::UnsupportedAlgorithm,
        ),
        (
            with(good(), &json!({"alg":"none"})),
            KeyError::UnsupportedAlgorithm,
        ),
        (
            with(good(), &json!({"alg":"ECDH-ES"})),
            KeyError::UnsupportedAlgorithm,
        ),
        (
            with(good(), &json!({"alg":"ES384"})),
            KeyError::AlgorithmMismatch,
        ),
        (
            with(good(), &json!({"alg":"RS256"})),
            KeyError::AlgorithmMismatch,
        ),
        (with(good(), &json!({"kid":7})), KeyError::Member("kid")),
        (
            with(good(), &json!({"crv":"absent"})),
            KeyError::Member("crv"),
        ),
        (
            with(good(), &json!({"crv":"secp256k1"})),
            KeyError::UnsupportedCurve,
        ),
        (with(good(), &json!({"crv":"P-384"})), KeyError::Member("x")),
        (with(good(), &json!({"x":"absent"})), KeyError::Member("x")),
        (with(good(), &json!({"y":"absent"})), KeyError::Member("y")),
        (with(good(), &json!({"x":7})), KeyError::Member("x")),
        (with(good(), &json!({"x":"AA"})), KeyError::Member("x")),
        (
            with(good(), &json!({"x":base64url(&[0; 33])})),
            KeyError::Member("x"),
        ),
        (
            with(good(), &json!({"x":zero,"y":zero})),
            KeyError::BadPoint,
        ),
        (with(good(), &json!({"y":good()["x"]})), KeyError::BadPoint),
        (
            with(good(), &json!({"x":base64url(&[0xff; 32])})),
            KeyError::BadPoint,
        ),
        (
            with(ed.clone(), &json!({"crv":"Ed448"})),
            KeyError::UnsupportedCurve,
        ),
        (
            with(ed.clone(), &json!({"crv":"X25519"})),
            KeyError::UnsupportedCurve,
        ),
        (with(ed.clone(), &json!({"x":"AA"})), KeyError::Member("x")),
        (with(ed.clone(), &json!({"x":zero})), KeyError::BadPoint),
        (
            with(ed.clone(), &json!({"x":base64url(&[2; 32])})),
            KeyError::BadPoint,
        ),
        (
            with(ed, &json!({"alg":"ES256"})),
            KeyError::AlgorithmMismatch,
        ),
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
        (
            with(good(), &json!({"kid":"", "use":"enc"})),
            KeyError::NotForSignatures,
        ),
        (
            with(good(), &json!({"alg":"ESP256"})),
            KeyError::UnsupportedAlgorithm,
        ),
        (
            with(good(), &json!({"alg":"Ed25519"})),
            KeyError::AlgorithmMismatch,
        ),
        (
            with(okp(), &json!({"alg":"Ed448"})),
            KeyError::UnsupportedAlgorithm,
        ),
        (
            with(okp(), &json!({"crv":"Ed448","alg":"Ed448"})),
            KeyError::UnsupportedCurve,
        ),
        (
            with(okp(), &json!({"crv":"Ed448"})),
            KeyError::UnsupportedCurve,
        ),
        (with(okp(), &json!({"x":null})), KeyError::Member("x")),
        (with(good(), &json!({"d":7})), KeyError::PrivateKey),
        (with(okp(), &json!({"d":"AAAA"})), KeyError::PrivateKey),
        (rsa(2048, &json!({"qi":"AAAA"})), KeyError::PrivateKey),
        (with(good(), &json!({"k":"AAAA"})), KeyError::PrivateKey),
        (with(good(), &json!({"D":"AAAA"})), KeyError::PrivateKey),
        (rsa(2048, &json!({"Qi":"AAAA"})), KeyError::PrivateKey),
        (
            json!({"kty":"AKP","alg":"ML-DSA-44","pub":"AAAA","priv":"AAAA"}),
            KeyError::PrivateKey,
        ),
        (
            json!({"kty":"AKP","alg":"ML-DSA-44","pub":"AAAA"}),
            KeyError::UnsupportedType,
        ),
        (
            json!({"kty":"oct","kid":"shared","k":"AAAA"}),
            KeyError::Symmetric,
        ),
        (
            rsa(2048, &json!({"n":base64url(&[0xfe; 256])})),
            KeyError::BadRsa,
        ),
        (rsa(2048, &json!({"e":"absent"})), KeyError::Member("e")),
        (rsa(2048, &json!({"e":65537})), KeyError::Member("e")),
        (rsa(2048, &json!({"e":""})), KeyError::BadRsa),
        (rsa(2048, &json!({"e":"AQ"})), KeyError::BadRsa),
        (rsa(2048, &json!({"e":"BA"})), KeyError::BadRsa),
        (
            rsa(2048, &json!({"e":base64url(&[0xff; 5])})),
            KeyError::BadRsa,
        ),
        (
            rsa(2048, &json!({"e":base64url(&[0xff; 300])})),
            KeyError::BadRsa,
        ),
        (
            rsa(2048, &json!({"alg":"ES256"})),
            KeyError::AlgorithmMismatch,
        ),
        (
            rsa(2048, &json!({"alg":"RSA-OAEP"})),
            KeyError::UnsupportedAlgorithm,
        ),
    ];
    for (entry, reason) in rows {
        let reason = Box::new(KeysError::Key(reason));
        let which = entry["kid"]
            .as_str()
            .filter(|id| !id.is_empty())
            .unwrap_or("keys[0]")
            .to_owned();
        let skipped = vec![Skipped { which, reason }];
        let loaded = KeySet::from_jwks_value(&jwks(&[entry.clone(), good()])).unwrap();
        assert_eq!(loaded.skipped, skipped, "{entry}");
        assert_eq!(
            loaded.keys,
            KeySet::from_jwks_value(&jwks(&[good()])).unwrap().keys,
            "{entry}"
        );
        let alone = KeySet::from_jwks(jwks(&[entry]).to_string().as_bytes());
        assert_eq!(alone, Err(KeysError::NoUsableKey(skipped)));
    }
}

#[test]
fn a_jwk_that_can_be_used_is_used() {
    let rows = [
        (good(), Kind::P256),
        (
            with(
                good(),
                &json!({"use":"sig","alg":"ES256","key_ops":["verify"]}),
            ),
            Kind::P256,
        ),
        (
            with(
                good(),
                &json!({"key_ops":["sign","verify"],"x5c":["?"],"x5t":7,"other":{}}),
            ),
            Kind::P256,
        ),
        (
            with(
                good(),
                &json!({"use":null,"alg":null,"key_ops":null,"x5c":null,"x5t":null,"kid":null}),
            ),
            Kind::P256,
        ),
        (with(okp(), &json!({"alg":"EdDSA"})), Kind::Ed25519),
        (with(good(), &json!({"kid":"absent","d":null})), Kind::P256),
        (rsa(2048, &json!({})), Kind::Rsa),
        (rsa(2049, &json!({"alg":"PS512"})), Kind::Rsa),
        (rsa(8192, &json!({"e":"Aw"})), Kind::Rsa),
        (
            rsa(
                2048,
                &json!({"n":base64url(&[&[0, 0][..], &[0xff; 256][..]].concat())}),
            ),
            Kind::Rsa,
        ),
    ];
    for (entry, kind) in rows {
        let loaded =
            KeySet::from_jwks(jwks(std::slice::from_ref(&entry)).to_string().as_bytes()).unwrap();
        let key = only(&loaded.keys);
        assert_eq!((key.kind(), loaded.skipped.len()), (kind, 0), "{entry}");
        assert_eq!(
            key.key_id().map(KeyId::as_str),
            entry["kid"].as_str(),
            "{entry}"
        );
        assert_eq!(
            key.algorithm().map(Algorithm::name),
            entry["alg"].as_str(),
            "{entry}"
        );
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
    for entry in [
        good(),
        okp(),
        rsa(2048, &json!({})),
        rsa(2049, &json!({"e":"Aw"})),
    ] {
        let read = |jwk: Value| only(&KeySet::from_jwks_value(&jwks(&[jwk])).unwrap().keys);
        let key = read(entry.clone());
        let ways: [&dyn Fn(&str) -> String; 3] =
            [&standard, &padded, &|text| padded(&standard(text))];
        for write in ways {
            let other = again(entry.clone(), write);
            assert_eq!(read(other.clone()), key, "{other}");
        }
    }
    assert_eq!(padded("AQ"), "AQ==");
    let named = only(
        &KeySet::from_jwks_value(&jwks(&[with(okp(), &json!({"alg":"Ed25519"}))]))
            .unwrap()
            .keys,
    );
    assert_eq!(named.algorithm(), Some(Algorithm::EdDsa));
}

#[test]
fn an_empty_key_id_is_none() {
    let entries = vec![with(good(), &json!({"kid":""})); MAX_SAME_ID + 1];
    let loaded = KeySet::from_jwks_value(&jwks(&entries)).unwrap();
    assert_eq!(
        (loaded.keys.len(), loaded.skipped.len()),
        (MAX_SAME_ID + 1, 0)
    );
    assert!(loaded.keys.iter().all(|key| key.key_id().is_none()) && !loaded.keys.contains(""));
    assert_eq!(
        loaded.keys.fitting(None, Algorithm::Es256).count(),
        MAX_SAME_ID + 1
    );
    assert_eq!(loaded.keys.fitting(Some(""), Algorithm::Es256).count(), 0);
}
