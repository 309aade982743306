//! A discovery document: it is the issuer's own, and leads to keys over https.

#![no_main]

use libfuzzer_sys::fuzz_target;
use registry_auth_engine::json;
use registry_auth_engine::keys::algorithm::Algorithm;
use registry_auth_engine::keys::discovery::Discovery;
use registry_auth_engine::url::{BaseUrl, HttpUrl};
use registry_auth_fuzz::{check_message, work};
use serde_json::Value;

fuzz_target!(|document: &[u8]| {
    for issuer in ["https://issuer.test", "http://issuer.test"] {
        let found = match work::linear(document, |document| Discovery::parse(document, issuer)) {
            Ok(found) => found,
            Err(error) => {
                check_message(&error.to_string());
                continue;
            }
        };
        let value: Value =
            serde_json::from_slice(json::without_mark(document)).expect("what is read is JSON");
        assert_eq!(value["issuer"], issuer);
        assert!(
            found.jwks_uri.is_https() || issuer.starts_with("http:"),
            "keys come without https"
        );
        assert!(!found.algorithms.is_empty());
        let named = value["id_token_signing_alg_values_supported"]
            .as_array()
            .filter(|names| !names.is_empty());
        if let Some(names) = named {
            let is_named = |algorithm| {
                names
                    .iter()
                    .filter_map(Value::as_str)
                    .any(|name| Algorithm::from_name(name) == Some(algorithm))
            };
            assert!(
                found
                    .algorithms
                    .iter()
                    .all(|algorithm| is_named(*algorithm))
            );
        }
        check_url(value["jwks_uri"].as_str().expect("text"));
    }
    if let Ok(text) = std::str::from_utf8(document) {
        check_url(text);
    }
});

/// What is read as a URL is a plain one, with or without query, and is read the same when it is
/// written again.
fn check_url(text: &str) {
    let url = match work::linear(text.as_bytes(), |_| HttpUrl::parse(text)) {
        Ok(url) => url,
        Err(error) => return check_message(&error.to_string()),
    };
    assert_eq!(HttpUrl::parse(&url.to_string()).as_ref(), Ok(&url));
    assert!(
        !url.authority().is_empty()
            && !url
                .authority()
                .contains(['/', '@', '?', '#', '\\', '"', '<', '>'])
    );
    assert!(url.path().starts_with('/') && !url.path().contains(['?', '#', '\\']));
    assert!(url.to_string().bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(url.target().starts_with(url.path()) && !url.target().contains('#'));
    if let Ok(base) = BaseUrl::parse(text) {
        assert_eq!(base.url(), &url);
        assert!(
            base.join("/x").target().ends_with("/x") && !base.join("/x").target().contains('?')
        );
    }
}
