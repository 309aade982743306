use super::*;

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn with_header(header: &str) -> String {
    format!("{}.{}.AAAA", encode(header), encode(r#"{"sub":"x"}"#))
}

fn with_payload(payload: &str) -> String {
    format!("{}.{}.AAAA", encode(r#"{"alg":"ES256"}"#), encode(payload))
}

fn refusal(token: &str) -> TokenError {
    UnverifiedToken::parse(token).unwrap_err()
}

#[test]
fn a_good_token_is_taken_apart() {
    let text = format!(
        "{}.{}.{}",
        encode(r#"{"typ":"JWT","alg":"RS256","kid":"k1"}"#),
        encode(r#"{"iss":"me"}"#),
        "c2ln"
    );
    let token = UnverifiedToken::parse(&text).unwrap();
    assert_eq!(token.algorithm(), Algorithm::Rs256);
    assert_eq!(token.key_id(), Some("k1"));
    assert_eq!(token.claims_unverified().issuer(), Ok(Some("me")));
    assert_eq!(token.signature(), b"sig");
    assert_eq!(token.message(), text.rsplit_once('.').unwrap().0.as_bytes());
    assert_eq!(format!("{token:?}"), "UnverifiedToken([redacted])");
}

#[test]
fn the_jws_of_rfc_7515_a3_is_read() {
    let text = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
        DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let token = UnverifiedToken::parse(text).unwrap();
    assert_eq!(token.claims_unverified().issuer(), Ok(Some("joe")));
    assert_eq!(
        token.claims_unverified().as_map()["http://example.com/is_root"],
        true
    );
    assert_eq!(token.signature().len(), 64);
}

#[test]
fn three_segments_are_needed_none_empty() {
    for token in [
        "",
        ".",
        "..",
        "...",
        "a",
        "a.b",
        "a.b.",
        "a..c",
        ".b.c",
        "a.b.c.d",
        "a.b.c.",
        ".a.b.c",
        "a.b.c.d.e",
    ] {
        assert_eq!(refusal(token), TokenError::Segments, "{token}");
    }
}

#[test]
fn base64url_is_read_strictly() {
    let (header, payload) = (encode(r#"{"alg":"ES256"}"#), encode("{}"));
    let rows = [
        (format!("{header}.{payload}.AAA="), Segment::Signature),
        (format!("{header}.{payload}.AA+A"), Segment::Signature),
        (format!("{header}.{payload}.AA/A"), Segment::Signature),
        (format!("{header}.{payload}.AAAA "), Segment::Signature),
        (format!("{header}.{payload}.AAAA\n"), Segment::Signature),
        (format!("{header}.{payload}.A"), Segment::Signature),
        (format!("{header}.{payload}.AB"), Segment::Signature),
        (format!(" {header}.{payload}.AAAA"), Segment::Header),
        (format!("{header}=.{payload}.AAAA"), Segment::Header),
        (format!("{header}.{payload}=.AAAA"), Segment::Payload),
        (format!("{header}.é{payload}.AAAA"), Segment::Payload),
    ];
    for (token, segment) in rows {
        assert_eq!(refusal(&token), TokenError::Base64(segment), "{token}");
    }
}

#[test]
fn headers_that_ask_for_what_we_do_not_do_are_refused() {
    let rows = [
        (r#"{"alg":"none"}"#, TokenError::UnsupportedAlgorithm),
        (r#"{"alg":"None"}"#, TokenError::UnsupportedAlgorithm),
        (r#"{"alg":""}"#, TokenError::UnsupportedAlgorithm),
        (r#"{"alg":"HS256"}"#, TokenError::UnsupportedAlgorithm),
        (r#"{"alg":"HS384"}"#, TokenError::UnsupportedAlgorithm),
        (r#"{"alg":"HS512"}"#, TokenError::UnsupportedAlgorithm),
        (r#"{"alg":"ES256K"}"#, TokenError::UnsupportedAlgorithm),
        (r#"{"alg":"es256"}"#, TokenError::UnsupportedAlgorithm),
        (
            r#"{"alg":"RSA-OAEP","enc":"A128GCM"}"#,
            TokenError::UnsupportedAlgorithm,
        ),
        ("{}", TokenError::NoAlgorithm),
        (r#"{"ALG":"ES256"}"#, TokenError::NoAlgorithm),
        (r#"{"alg":null}"#, TokenError::NoAlgorithm),
        (r#"{"alg":["ES256"]}"#, TokenError::NoAlgorithm),
        (r#"{"alg":"ES256","kid":12345}"#, TokenError::KeyId),
        (r#"{"alg":"ES256","kid":null}"#, TokenError::KeyId),
        (r#"{"alg":"ES256","kid":["a"]}"#, TokenError::KeyId),
        (r#"{"alg":"ES256","crit":["exp"]}"#, TokenError::Critical),
        (r#"{"alg":"ES256","crit":[]}"#, TokenError::Critical),
        (r#"{"alg":"ES256","crit":null}"#, TokenError::Critical),
        (
            r#"{"alg":"ES256","b64":false,"crit":["b64"]}"#,
            TokenError::Critical,
        ),
        (
            r#"{"alg":"ES256","b64":false}"#,
            TokenError::UnencodedPayload,
        ),
        (
            r#"{"alg":"ES256","b64":"true"}"#,
            TokenError::UnencodedPayload,
        ),
        (r#"["alg"]"#, TokenError::NotAnObject(Segment::Header)),
        ("null", TokenError::NotAnObject(Segment::Header)),
        (r#""ES256""#, TokenError::NotAnObject(Segment::Header)),
    ];
    for (header, error) in rows {
        assert_eq!(refusal(&with_header(header)), error, "{header}");
    }
}

#[test]
fn keys_in_the_header_mean_nothing() {
    for header in [
        r#"{"alg":"ES256","typ":"at+jwt","cty":"JWT"}"#,
        r#"{"alg":"ES256","b64":true}"#,
        r#"{"alg":"ES256","jwk":{"kty":"oct","k":"AAAA"},"jku":"http://evil","x5u":"http://evil","x5c":["AAAA"],"x5t":"?"}"#,
    ] {
        let token = with_header(header);
        assert_eq!(
            UnverifiedToken::parse(&token).unwrap().key_id(),
            None,
            "{header}"
        );
    }
}

#[test]
fn a_token_of_another_type_is_no_identity() {
    let identities = [
        "",
        r#""JWT""#,
        r#""jwt""#,
        r#""Jwt""#,
        r#""at+jwt""#,
        r#""AT+JWT""#,
        r#""application/jwt""#,
        r#""application/at+jwt""#,
        r#""Application/JWT""#,
        r#""APPLICATION/AT+JWT""#,
    ];
    let foreign = [
        r#""logout+jwt""#,
        r#""secevent+jwt""#,
        r#""dpop+jwt""#,
        r#""Logout+JWT""#,
        r#""application/logout+jwt""#,
        r#""application/secevent+jwt""#,
        r#""oauth-authz-req+jwt""#,
        r#""token-introspection+jwt""#,
        r#""txntoken+jwt""#,
        r#""entity-statement+jwt""#,
        r#""vc+sd-jwt""#,
        r#""dc+sd-jwt""#,
        r#""kb+jwt""#,
        r#""passport""#,
        r#""JOSE""#,
        r#""JOSE+JSON""#,
        r#""registry-auth-keys+jws""#,
        r#""registry-auth-signing-keys+jws""#,
        r#""rt+jwt""#,
        r#""xat+jwt""#,
        r#""at+jwt2""#,
        r#""""#,
        r#"" JWT""#,
        r#""JWT ""#,
        r#""application/""#,
        r#""application/application/jwt""#,
        r#""text/jwt""#,
        r#""application/jwt; v=1""#,
        r#""é""#,
        "7",
        "null",
        "true",
        r#"["JWT"]"#,
        r#"{"JWT":1}"#,
    ];
    let header = |typ: &str| match typ {
        "" => with_header(r#"{"alg":"ES256"}"#),
        typ => with_header(&format!(r#"{{"alg":"ES256","typ":{typ}}}"#)),
    };
    for typ in identities {
        assert!(UnverifiedToken::parse(&header(typ)).is_ok(), "{typ}");
    }
    for typ in foreign {
        assert_eq!(refusal(&header(typ)), TokenError::ForeignType, "{typ}");
    }
}

#[test]
fn a_security_event_is_no_identity_whatever_its_type() {
    for events in [
        r#"{"http://schemas.openid.net/event/backchannel-logout":{}}"#,
        "{}",
        "[]",
        "null",
        "1",
    ] {
        let payload = format!(
            r#"{{"iss":"i","sub":"me","aud":"a","iat":1,"exp":2,"jti":"j","events":{events}}}"#
        );
        assert_eq!(
            refusal(&with_payload(&payload)),
            TokenError::ForeignType,
            "{events}"
        );
    }
    // What else has such a name is a claim like any other. Keycloak says here what its tokens are
    // for, others say other things.
    for payload in [
        r#"{"event":1}"#,
        r#"{"Events":1}"#,
        r#"{"a":{"events":{}}}"#,
        r#"{"typ":"ID"}"#,
        r#"{"typ":"Bearer"}"#,
    ] {
        assert!(
            UnverifiedToken::parse(&with_payload(payload)).is_ok(),
            "{payload}"
        );
    }
}

#[test]
fn an_empty_key_id_is_none() {
    let kid = |header: &str| {
        UnverifiedToken::parse(&with_header(header))
            .unwrap()
            .key_id()
            .map(str::to_owned)
    };
    assert_eq!(kid(r#"{"alg":"ES256","kid":""}"#), None);
    assert_eq!(kid(r#"{"alg":"ES256","kid":" "}"#), Some(" ".to_owned()));
}

#[test]
fn an_algorithm_has_the_names_of_rfc_9864_too() {
    let read = |name: &str| {
        UnverifiedToken::parse(&with_header(&format!(r#"{{"alg":"{name}"}}"#)))
            .map(|token| token.algorithm())
    };
    assert_eq!(read("Ed25519"), Ok(Algorithm::EdDsa));
    assert_eq!(read("EdDSA"), Ok(Algorithm::EdDsa));
    for name in ["Ed448", "ESP256", "ESP384", "ESP512", "ed25519"] {
        assert_eq!(read(name), Err(TokenError::UnsupportedAlgorithm), "{name}");
    }
}

#[test]
fn a_payload_is_one_strict_json_object() {
    for payload in ["[]", "1", "null", r#""{}""#, "true"] {
        assert_eq!(
            refusal(&with_payload(payload)),
            TokenError::NotAnObject(Segment::Payload),
            "{payload}"
        );
    }
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(64), "]".repeat(64));
    for payload in [
        r#"{"exp":1,"exp":2}"#,
        r#"{"a":{"b":1,"b":2}}"#,
        "{",
        "{}{}",
        "{'a':1}",
        r#"{"exp":NaN}"#,
        r#"{"exp":1e999}"#,
        &deep,
    ] {
        assert!(
            matches!(
                refusal(&with_payload(payload)),
                TokenError::Json(Segment::Payload, _)
            ),
            "{payload}"
        );
    }
    for header in [
        r#"{"alg":"ES256","alg":"none"}"#,
        r#"{"alg":"ES256","kid":"a","kid":"b"}"#,
        "alg",
    ] {
        assert!(
            matches!(
                refusal(&with_header(header)),
                TokenError::Json(Segment::Header, _)
            ),
            "{header}"
        );
    }
    let not_text = format!(
        "{}.{}.AAAA",
        encode(r#"{"alg":"ES256"}"#),
        URL_SAFE_NO_PAD.encode(b"{\"a\":\"\xff\"}")
    );
    assert!(matches!(
        refusal(&not_text),
        TokenError::Json(Segment::Payload, _)
    ));
}

#[test]
fn length_is_looked_at_first() {
    assert_eq!(refusal(&".".repeat(MAX_TOKEN + 1)), TokenError::TooLong);
    let groups = |count: usize| {
        with_payload(&format!(
            r#"{{"groups":[{}"z"]}}"#,
            r#""group-name","#.repeat(count)
        ))
    };
    let large = groups(2600);
    assert!(
        large.len() > 44_000 && large.len() <= MAX_TOKEN,
        "{}",
        large.len()
    );
    assert!(UnverifiedToken::parse(&large).is_ok());
    assert_eq!(refusal(&groups(2900)), TokenError::TooLong);
}

#[test]
fn no_refusal_repeats_the_token() {
    for token in [
        "secret.secret.secret",
        "secret",
        &with_header(r#"{"secret":1}"#),
        &with_payload("{secret"),
    ] {
        let error = refusal(token);
        assert!(
            !format!("{error} {error:?}").contains("secret"),
            "{error:?}"
        );
    }
}
