use serde_json::{Value, json};

use super::*;
use crate::config::{Role, decode};

mod client_address;
mod members;
mod nothing;
mod refusals;
mod sections;
mod shadow;
mod user_names;

pub(super) const KEY: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9\nq9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+dFabmdT9POxg==\n-----END PUBLIC KEY-----\n";

/// A configuration that holds, for rows that change one thing.
pub(super) fn good() -> Value {
    json!({
        "http": {
            "auth": { "bearer": {
                "realm": "https://registry.example.com/auth/token",
                "service": "registry.example.com",
                "oidc": [{ "issuer": "https://issuer.example.com", "audiences": ["registry"], "cluster": "issuer" }]
            } },
            "accessControl": { "repositories": { "team/**": { "defaultPolicy": ["read"] } } }
        },
        "proxy": { "pushKey": { "env": "KEY" } }
    })
}

/// Sets the value at a JSON pointer, making objects on the way; null removes.
fn with(pointer: &str, value: Value) -> Value {
    let mut document = good();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let mut place = &mut document;
    for step in parent.split('/').skip(1) {
        place = match place {
            Value::Array(items) => &mut items[step.parse::<usize>().unwrap()],
            other => &mut other[step],
        };
    }
    merge(
        place,
        &Value::Object([(name.to_owned(), value)].into_iter().collect()),
    );
    document
}

/// Lays members over an object; null removes (RFC 7396).
pub(super) fn merge(place: &mut Value, members: &Value) {
    if place.is_null() {
        *place = json!({});
    }
    let place = place.as_object_mut().unwrap();
    for (name, value) in members.as_object().unwrap() {
        if value.is_null() {
            place.remove(name)
        } else {
            place.insert(name.clone(), value.clone())
        };
    }
}

fn mtls(mtls: Value) -> Value {
    with("/http/auth/mtls", mtls)
}

/// A registry that is asked under a host.
fn upstream_host(host: &str) -> Value {
    with(
        "/proxy",
        json!({ "pushKey": { "env": "KEY" }, "upstreamCluster": "registry", "upstreamHost": host }),
    )
}

pub(super) fn diagnose(document: &Value) -> Diagnostics {
    let (role, mut diagnostics) = decode(document.to_string().as_bytes());
    if let Role::Filter(document) = role {
        let compiled = compile(&document, &mut diagnostics);
        assert_eq!(compiled.is_none(), !diagnostics.errors.is_empty());
    }
    diagnostics
}

#[test]
fn a_configuration_that_holds_compiles_without_a_word() {
    assert_eq!(diagnose(&good()), Diagnostics::default());
}

#[test]
fn the_registry_is_asked_under_the_host_that_is_configured() {
    let rows = [
        (
            with("/proxy/upstreamCluster", json!("registry")),
            "registry",
        ),
        (
            with(
                "/proxy/upstreamCluster",
                json!("registry.default.svc.cluster.local"),
            ),
            "registry.default.svc.cluster.local",
        ),
        (upstream_host("registry.internal"), "registry.internal"),
        (
            upstream_host("Registry_1.internal:5000"),
            "Registry_1.internal:5000",
        ),
        (upstream_host("10.0.0.1:5000"), "10.0.0.1:5000"),
        (upstream_host("[fd00::1]:5000"), "[fd00::1]:5000"),
    ];
    for (document, host) in rows {
        let (Role::Filter(document), mut diagnostics) = decode(document.to_string().as_bytes())
        else {
            panic!()
        };
        let compiled = compile(&document, &mut diagnostics).unwrap();
        assert_eq!(compiled.proxy.upstream.unwrap().host, host);
    }
}

#[test]
fn all_errors_are_told_at_once() {
    let mut document = good();
    document["http"]["auth"]["bearer"]["oidc"][0] =
        json!({ "isuer": 1, "audiences": 5, "clockSkew": "x" });
    document["http"]["accessControl"] =
        json!({ "repositories": { "a[": { "defaultPolicy": ["x"] } } });
    document["log"] = json!({ "level": "loud" });
    let errors = diagnose(&document).errors;
    for path in [
        "oidc[0].isuer",
        "oidc[0].issuer",
        "oidc[0].audiences",
        "oidc[0].clockSkew",
        "a[",
        "log.level",
    ] {
        assert!(
            errors.iter().any(|error| error.path.contains(path)),
            "{path}: {errors:#?}"
        );
    }
}

#[test]
fn broken_json_says_where() {
    let (_, diagnostics) = decode(b"{\n  \"http\": {\n");
    assert!(
        diagnostics.errors[0].message.contains("line 3"),
        "{diagnostics:?}"
    );
    let (_, diagnostics) = decode(br#"{"http":{"realm":"a","realm":"b"}}"#);
    assert!(
        diagnostics.errors[0].message.contains("duplicate key"),
        "{diagnostics:?}"
    );
}

#[test]
fn what_is_open_or_unchecked_is_warned_of() {
    let mut open = good();
    merge(&mut open["http"], &json!({ "accessControl": null }));
    let mut unchecked = good();
    unchecked["http"]["auth"]["bearer"]["cert"] = json!(KEY);
    let empty = with("/http/accessControl", json!({}));
    for (document, word) in [
        (open, "everything"),
        (unchecked, "audiences"),
        (empty, "nobody"),
    ] {
        let diagnostics = diagnose(&document);
        assert_eq!(diagnostics.errors, []);
        assert!(
            diagnostics
                .warnings
                .iter()
                .any(|warning| warning.message.contains(word)),
            "{word}: {diagnostics:?}"
        );
    }
}

#[test]
fn a_condition_with_a_number_that_claims_cannot_hold_is_warned_of_at_each_place() {
    let policy = |number: u64| json!({ "users": ["a"], "actions": ["read"], "conditions": [{ "expression": format!("req.claims.id == {number}"), "message": "no" }] });
    let control = |number| json!({ "repositories": { "a": { "policies": [policy(number)] } }, "adminPolicy": policy(number) });
    for (number, places) in [(9_007_199_254_740_991, 0), (9_007_199_254_740_993, 2)] {
        let diagnostics = diagnose(&with("/http/accessControl", control(number)));
        assert_eq!(diagnostics.errors, []);
        let warned = diagnostics
            .warnings
            .iter()
            .filter(|warning| warning.message.contains("2^53"));
        assert!(
            warned
                .clone()
                .all(|warning| warning.path.ends_with("conditions[0].expression")),
            "{diagnostics:?}"
        );
        assert_eq!(warned.count(), places, "{number}: {diagnostics:?}");
    }
}

#[test]
fn client_certificates_are_enough_to_be_somebody() {
    let document = |mtls: Value| diagnose(&with("/http/auth", json!({ "mtls": mtls })));
    let all = [
        "CommonName",
        "CN",
        "Subject",
        "DN",
        "Email",
        "rfc822name",
        "URI",
        "URL",
        "DNSName",
        "DNS",
    ];
    for mtls in [
        json!({}),
        json!({ "identityAttributes": ["CommonName"], "bindTokens": true }),
        json!({ "identityAttributes": all, "dnsSanIndex": 1, "emailSanIndex": 2, "uriSanIndex": 3 }),
        json!({ "identityAttributes": ["URL"], "uriSanPattern": "spiffe://example.org/workload/(.*)", "uriSanIndex": 0 }),
    ] {
        assert_eq!(document(mtls.clone()), Diagnostics::default(), "{mtls}");
    }
    assert!(!diagnose(&with("/http/auth", json!({}))).errors.is_empty());
}

#[test]
fn one_value_stands_for_a_list_and_names_have_no_case() {
    let mut document = good();
    document["http"]["auth"]["bearer"]["oidc"] = json!({ "Issuer": "https://issuer.example.com", "AUDIENCES": "registry", "cluster": "issuer" });
    document["http"]["accessControl"]["repositories"]["team/**"]["anonymousPolicy"] = json!("read");
    assert_eq!(diagnose(&document), Diagnostics::default());
}
