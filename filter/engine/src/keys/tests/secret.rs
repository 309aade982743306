//! Keys in a secret of Secrets Manager.

use super::*;

#[test]
fn a_secret_maps_key_ids_to_keys() {
    let secret = json!({
        "k1": CERTIFICATES[0].2,
        "k2": jwks(&[with(good(), &json!({"kid":"other"}))]).to_string(),
        "ed": ED25519,
        "EC": CERTIFICATES[2].1.replace('\n', "\\n"),
        "pkcs1": PKCS1.replace('\n', "\r\n"),
        "": ED25519,
    });
    let loaded = KeySet::from_secret(secret.to_string().as_bytes()).unwrap();
    assert_eq!(loaded.keys.len(), 5);
    // A token whose `kid` is empty names no key, so this one could never be used.
    let skipped: Vec<_> = loaded.skipped.iter().map(ToString::to_string).collect();
    assert_eq!(
        skipped,
        ["``: its key id is empty, and no token can name it"]
    );
    for (id, kind) in [
        ("k1", Kind::Rsa),
        ("k2", Kind::P256),
        ("ed", Kind::Ed25519),
        ("EC", Kind::P384),
        ("pkcs1", Kind::Rsa),
    ] {
        assert_eq!(
            loaded
                .keys
                .iter()
                .find(|key| key.key_id() == Some(&KeyId::new(id)))
                .map(PublicKey::kind),
            Some(kind),
            "{id}"
        );
    }
    assert!(!loaded.keys.contains("other") && !loaded.keys.contains("ec"));
}

#[test]
fn a_byte_order_mark_before_a_secret_or_an_entry_is_skipped() {
    let marked = |text: &str| format!("\u{feff}{text}");
    let entries = json!({ "k1": marked(ED25519), "k2": marked(&jwks(&[good()]).to_string()) });
    let loaded = KeySet::from_secret(marked(&entries.to_string()).as_bytes()).unwrap();
    assert_eq!((loaded.keys.len(), loaded.skipped.len()), (2, 0));
    assert_eq!(
        KeySet::from_secret(marked(" ").as_bytes()),
        Err(KeysError::Empty)
    );
    assert!(KeySet::from_secret(marked(&marked("{}")).as_bytes()).is_err());
}

#[test]
fn a_bad_entry_of_a_secret_is_skipped_and_named() {
    let two = jwks(&[good(), good()]).to_string();
    let private = pem("PRIVATE KEY", &[0x30, 3, 2, 1, 0]);
    let rows = [
        (json!("not-a-pem-key"), "`bad`: it holds no PEM block"),
        (json!(two), "`bad`: expected 1 key in JWKS, found 2"),
        (
            json!("{}"),
            "`bad`: it is not a JWKS: there is no array `keys`",
        ),
        (
            json!(good().to_string()),
            "`bad`: it is not a JWKS: there is no array `keys`",
        ),
        (json!(""), "`bad`: it is empty"),
        (json!(" \n"), "`bad`: it is empty"),
        (
            json!(private),
            "`bad`: it is a private key; use the public key",
        ),
        (json!(null), "`bad`: it is null, not a text"),
        (json!(7), "`bad`: it is a number, not a text"),
        (json!(true), "`bad`: it is a boolean, not a text"),
        (json!([ED25519]), "`bad`: it is an array, not a text"),
        (jwks(&[good()]), "`bad`: it is an object, not a text"),
    ];
    for (value, message) in rows {
        let loaded =
            KeySet::from_secret(json!({"bad":value,"k3":ED25519}).to_string().as_bytes()).unwrap();
        assert!(
            loaded.keys.len() == 1 && loaded.keys.contains("k3"),
            "{value}"
        );
        let reported: Vec<_> = loaded.skipped.iter().map(ToString::to_string).collect();
        assert_eq!(reported, [message], "{value}");
        let alone = KeySet::from_secret(json!({"bad":value}).to_string().as_bytes()).unwrap_err();
        assert_eq!(
            alone.to_string(),
            format!("it holds no usable key ({message})")
        );
    }
}

#[test]
fn a_secret_of_another_shape_is_named_by_what_it_is() {
    let rows = [
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("{}", "it is empty"),
        ("null", "it is null, not a JSON object"),
        ("[]", "it is an array, not a JSON object"),
        ("\"-----BEGIN\"", "it is a string, not a JSON object"),
        ("7", "it is a number, not a JSON object"),
        (
            "not-json",
            "it is not acceptable JSON: not valid JSON at line 1, column 2",
        ),
        (
            "{\"a\":\"b\",\"a\":\"b\"}",
            "it is not acceptable JSON: duplicate key at line 1, column 17",
        ),
    ];
    for (text, message) in rows {
        assert_eq!(
            KeySet::from_secret(text.as_bytes())
                .unwrap_err()
                .to_string(),
            message,
            "{text}"
        );
    }
    assert!(matches!(
        KeySet::from_secret(ED25519.as_bytes()),
        Err(KeysError::Json(_))
    ));
    assert!(matches!(
        KeySet::from_secret(b"\xff\xfe"),
        Err(KeysError::Json(_))
    ));
    assert_eq!(
        KeySet::from_secret(&vec![b' '; MAX_TEXT + 1]),
        Err(KeysError::Empty)
    );
    assert_eq!(
        KeySet::from_secret(&vec![b'['; MAX_TEXT + 1]),
        Err(KeysError::TooLong)
    );
}

#[test]
fn what_is_too_many_for_a_set_is_left_unread_in_one_word() {
    let (key, text) = (good(), ED25519);
    for (count, reported) in [
        (MAX_KEYS, None),
        (
            MAX_KEYS + 3,
            Some("`the last 3`: a set has 1,000 keys at most"),
        ),
    ] {
        let ids: serde_json::Map<_, _> = (0..count)
            .map(|number| (number.to_string(), json!(text)))
            .collect();
        let unnamed = with(key.clone(), &json!({"kid": "absent"}));
        let unnamed: Vec<_> = std::iter::repeat_n(unnamed, count)
            .map(|mut key| {
                key.as_object_mut().unwrap().remove("kid");
                key
            })
            .collect();
        let secret = KeySet::from_secret(Value::Object(ids).to_string().as_bytes()).unwrap();
        for loaded in [secret, KeySet::from_jwks_value(&jwks(&unnamed)).unwrap()] {
            let skipped: Vec<_> = loaded.skipped.iter().map(ToString::to_string).collect();
            assert_eq!(
                (
                    loaded.keys.len(),
                    skipped.first().map(String::as_str),
                    skipped.len()
                ),
                (MAX_KEYS, reported, reported.iter().len())
            );
        }
    }
}
