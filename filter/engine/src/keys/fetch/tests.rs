use super::*;

const ISSUER: &str = "https://i.example/a";
const DISCOVERY: &str = r#"{"issuer":"https://i.example/a","jwks_uri":"https://keys.example/k?x=1","id_token_signing_alg_values_supported":["ES256"]}"#;
const JWKS: &str = r#"{"keys":[{"kty":"oct","kid":"o","k":"c2VjcmV0"},{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

fn discovery() -> KeyFetch {
    let issuer = BaseUrl::parse(ISSUER).unwrap();
    KeyFetch::new(ISSUER, &KeyRequest::discovery(&issuer))
}

fn keys() -> KeyFetch {
    let url = HttpUrl::parse("https://i.example/k").unwrap();
    KeyFetch::new(ISSUER, &KeyRequest::keys(url))
}

fn answer(fetch: KeyFetch, status: Option<u16>, body: &str) -> Result<Step, KeyFetchError> {
    let head = ResponseHead {
        status,
        length: body.len(),
        cache_control: Some(b"max-age=90"),
    };
    fetch.head(&head)?.body(body.as_bytes())
}

#[test]
fn discovery_leads_to_the_keys() {
    let fetch = discovery();
    assert_eq!(
        fetch.request().url.to_string(),
        "https://i.example/a/.well-known/openid-configuration"
    );
    let Ok(Step::Next(fetch)) = answer(fetch, Some(200), DISCOVERY) else {
        panic!("no next request");
    };
    assert_eq!(fetch.request().document, Document::Keys);
    assert_eq!(
        fetch.request().url.to_string(),
        "https://keys.example/k?x=1"
    );
    let Ok(Step::Done(fetched)) = answer(fetch, Some(200), JWKS) else {
        panic!("no keys");
    };
    assert!(fetched.keys.contains("k") && fetched.keys.len() == 1);
    assert_eq!(fetched.skipped.len(), 1);
    assert_eq!(fetched.algorithms.as_deref(), Some(&[Algorithm::Es256][..]));
    assert_eq!(fetched.refresh_after, Duration::from_secs(90));
}

#[test]
fn a_configured_address_of_the_keys_skips_discovery() {
    let Ok(Step::Done(fetched)) = answer(keys(), Some(200), JWKS) else {
        panic!("no keys");
    };
    assert_eq!(fetched.algorithms, None);
}

#[test]
fn every_failure_has_one_line_that_names_the_document() {
    let long = "x".repeat(MAX_TEXT + 1);
    let both = [
        (discovery(), "the discovery document"),
        (keys(), "the JWKS"),
    ];
    // (status, body, what is said behind the name of the document)
    let rows = [
        (None, "", "no response in time, or no connection"),
        (Some(0), DISCOVERY, "status 0"),
        (Some(201), DISCOVERY, "status 201"),
        (Some(302), JWKS, "status 302, redirects are not followed"),
        (Some(304), "", "status 304, redirects are not followed"),
        (Some(404), JWKS, "status 404"),
        (Some(500), &long, "status 500"),
        (Some(200), &long, "the response is longer than 262144 bytes"),
    ];
    for (fetch, document) in both {
        for (status, body, said) in &rows {
            let error = answer(fetch.clone(), *status, body).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("fetching {document} failed: {said}")
            );
        }
    }
    let rows = [
        (
            discovery(),
            r#"{"issuer":"https://i.example"}"#,
            "the discovery document names another issuer",
        ),
        (
            discovery(),
            JWKS,
            "the discovery document names another issuer",
        ),
        (
            keys(),
            DISCOVERY,
            "the JWKS of the issuer cannot be used: it is not a JWKS: there is no array `keys`",
        ),
        (
            keys(),
            r#"{"keys":[]}"#,
            "the JWKS of the issuer cannot be used: it holds no usable key",
        ),
    ];
    for (fetch, body, said) in rows {
        let error = answer(fetch, Some(200), body).unwrap_err();
        assert_eq!(error.to_string(), said);
    }
}

#[test]
fn a_body_of_the_longest_size_is_read() {
    let padded = format!("{JWKS}{}", " ".repeat(MAX_TEXT - JWKS.len()));
    assert!(matches!(
        answer(keys(), Some(200), &padded),
        Ok(Step::Done(_))
    ));
}
