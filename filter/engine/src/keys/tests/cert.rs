//! The text of `cert`: PEM, or a JWKS of one key.

use super::*;

#[test]
fn a_certificate_and_its_public_key_are_the_same_key() {
    for (kind, certificate, public) in CERTIFICATES {
        let key = only(&KeySet::from_cert(certificate).unwrap());
        assert_eq!(
            (key.kind(), key.key_id(), key.algorithm()),
            (kind, None, None)
        );
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
        (
            &ED25519.replace("-----END PUBLIC KEY-----", ""),
            KeyError::MalformedPem,
        ),
        (
            &ED25519.replace("END PUBLIC KEY", "END OTHER KEY"),
            KeyError::MalformedPem,
        ),
        (&ED25519.replace(body, "?"), KeyError::MalformedPem),
        (&ED25519.replace(body, ""), KeyError::NotAPublicKey),
        (&ED25519.replace(body, "AAAA"), KeyError::NotAPublicKey),
        (
            &ED25519.replace(body, body.trim_start_matches("MCow")),
            KeyError::NotAPublicKey,
        ),
        (
            &format!(
                "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n{ED25519}"
            ),
            KeyError::NotAPublicKey,
        ),
        (&rsa.replace("MIIB", "MIIC"), KeyError::NotAPublicKey),
        (
            include_str!("../../../../../tests/fixtures/public/pss.pub"),
            KeyError::UnsupportedType,
        ),
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
    let tampered = spki(CERTIFICATES[1].2)
        .iter()
        .rev()
        .enumerate()
        .map(|(i, b)| b ^ u8::from(i == 0))
        .rev()
        .collect::<Vec<_>>();
    assert_eq!(
        refusal(&pem("PUBLIC KEY", &tampered)),
        KeysError::Key(KeyError::BadPoint)
    );
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
        assert_eq!(
            refusal(&text),
            KeysError::Key(KeyError::PrivateKey),
            "{text}"
        );
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
        (
            json!(ED25519).to_string(),
            KeysError::NotAnObject("a string"),
        ),
        (jwks(&[]).to_string(), KeysError::NotOneKey(0)),
        (jwks(&[good(), good()]).to_string(), KeysError::NotOneKey(2)),
        (
            jwks(&[good(), json!(1)]).to_string(),
            KeysError::NotOneKey(2),
        ),
        (
            jwks(&[with(good(), &json!({"use":"enc"}))]).to_string(),
            KeysError::Key(KeyError::NotForSignatures),
        ),
    ];
    for (text, error) in rows {
        assert_eq!(refusal(&text), error, "{text}");
    }
    for text in [r#"{"keys":[],"keys":[]}"#, r#"{"keys":["#, "{"] {
        assert!(matches!(refusal(text), KeysError::Json(_)), "{text}");
    }
    let key = only(
        &KeySet::from_cert(&format!(
            " {}\n",
            jwks(&[with(good(), &json!({"alg":"ES256"}))])
        ))
        .unwrap(),
    );
    assert_eq!(
        (key.key_id().map(KeyId::as_str), key.algorithm()),
        (Some("good"), Some(Algorithm::Es256))
    );
}
