use serde_json::{Value, json};

use super::*;
use crate::config::{Role, decode};

mod client_address;
mod nothing;
mod sections;
mod user_names;

const KEY: &str = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9\nq9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+dFabmdT9POxg==\n-----END PUBLIC KEY-----\n";

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
fn every_refusal_names_its_place_and_what_to_write() {
    let oidc = "/http/auth/bearer/oidc/0";
    let at = |name: &str| format!("{oidc}/{name}");
    let bearer = |name: &str| format!("/http/auth/bearer/{name}");
    let aws = json!({ "region": "us-east-1", "secretName": "keys" });
    let rows: Vec<(Value, &str, &str)> = vec![
        (
            with("/http/auth/bearer", json!({})),
            "http.auth.bearer",
            "add `oidc`, `cert` or `awsSecretsManager`",
        ),
        (
            with("/http/auth/bearer", json!({ "realm": "r", "service": "s" })),
            "http.auth.bearer",
            "source of keys",
        ),
        (
            with(&at("issuer"), json!("")),
            "http.auth.bearer.oidc[0].issuer",
            "must be given",
        ),
        (
            with(&at("audiences"), json!([])),
            "http.auth.bearer.oidc[0].audiences",
            "at least one",
        ),
        (
            with(&at("audiences"), json!(["a", " "])),
            "http.auth.bearer.oidc[0].audiences[1]",
            "empty",
        ),
        (
            with(&at("cluster"), json!(null)),
            "http.auth.bearer.oidc[0].cluster",
            "proxy.oidcCluster",
        ),
        (
            with(&at("issuer"), json!("issuer")),
            "http.auth.bearer.oidc[0].issuer",
            "jwksUri",
        ),
        (
            with(&at("jwksUri"), json!("x")),
            "http.auth.bearer.oidc[0].jwksUri",
            "absolute",
        ),
        (
            with(&at("jwksUri"), json!("http://a/b")),
            "http.auth.bearer.oidc[0].jwksUri",
            "https",
        ),
        (
            with(&at("jwks"), json!({ "keys": [] })),
            "http.auth.bearer.oidc[0].jwks",
            "",
        ),
        (
            with(&at("keySource"), json!("file")),
            "http.auth.bearer.oidc[0].keySource",
            "callout or push",
        ),
        (
            with(&at("clockSkew"), json!("5")),
            "http.auth.bearer.oidc[0].clockSkew",
            "30s",
        ),
        (
            with(&at("clockSkew"), json!("10m1s")),
            "http.auth.bearer.oidc[0].clockSkew",
            "at most 10m",
        ),
        (
            with("/proxy", json!({ "pushKey": { "env": "$KEY" } })),
            "proxy.pushKey.env",
            "not the value itself",
        ),
        (
            with("/proxy", json!({ "pushKey": { "env": "4c1a9b" } })),
            "proxy.pushKey.env",
            "not the value itself",
        ),
        (
            with("/proxy", json!({ "pushKey": { "env": "" } })),
            "proxy.pushKey.env",
            "the name of an environment variable",
        ),
        (
            with(&at("certificateAuthority"), json!("x")),
            "http.auth.bearer.oidc[0].certificateAuthority",
            "PEM",
        ),
        (
            with(&at("certificateAuthorityFile"), json!("/ca")),
            "http.auth.bearer.oidc[0].certificateAuthorityFile",
            "set `keySource` to `push`",
        ),
        (
            with(&at("issuers"), json!("x")),
            "http.auth.bearer.oidc[0].issuers",
            "did you mean `issuer`",
        ),
        (
            with(&at("claimMapping"), json!({ "username": "claims." })),
            "http.auth.bearer.oidc[0].claimMapping.username",
            "",
        ),
        (
            with(
                &at("claimMapping"),
                json!({ "validations": [{ "expression": "true" }] }),
            ),
            "http.auth.bearer.oidc[0].claimMapping.validations[0].message",
            "",
        ),
        (
            with(&bearer("cert"), json!("/etc/key.pem")),
            "http.auth.bearer.cert",
            "write the PEM or JWKS text here",
        ),
        (
            with(&bearer("cert"), json!("{\"keys\":[]}")),
            "http.auth.bearer.cert",
            "",
        ),
        (
            with(&bearer("realm"), json!("https://a/v2/")),
            "http.auth.bearer.realm",
            "registry route",
        ),
        (
            with(&bearer("realm"), json!("https://a/v2/x/tags/list")),
            "http.auth.bearer.realm",
            "registry route",
        ),
        (
            with(&bearer("realm"), json!("ftp://a/b")),
            "http.auth.bearer.realm",
            "absolute",
        ),
        (
            with(&bearer("realm"), json!("https://a/b?c")),
            "http.auth.bearer.realm",
            "has a query",
        ),
        (
            with(&bearer("realm"), json!("https://u:p@a/b")),
            "http.auth.bearer.realm",
            "has user information",
        ),
        (
            with(&bearer("realm"), json!("https://a/b c")),
            "http.auth.bearer.realm",
            "has a blank",
        ),
        (
            with(&bearer("extra"), json!(1)),
            "http.auth.bearer.extra",
            "unknown key",
        ),
        (
            with(&bearer("awsSecretsManager"), json!({})),
            "http.auth.bearer.awsSecretsManager.region",
            "must be given",
        ),
        (
            with("/http/auth/bearer/realm", json!(7)),
            "http.auth.bearer.realm",
            "must be a string, not a number",
        ),
        (
            with("/http/auth/failDelay", json!(1.5)),
            "http.auth.failDelay",
            "whole number",
        ),
        (
            with("/http/auth/failDelay", json!(-1)),
            "http.auth.failDelay",
            "zero or more",
        ),
        (
            with("/http/auth/failDelay", json!(61)),
            "http.auth.failDelay",
            "60 seconds at most",
        ),
        (
            mtls(json!({ "identityAttributes": ["CN", "Nickname"] })),
            "http.auth.mtls.identityAttributes[1]",
            "DNSName",
        ),
        (
            mtls(json!({ "identityAttributes": ["CN"], "dnsSanIndex": 1 })),
            "http.auth.mtls.dnsSanIndex",
            "`DNSName`",
        ),
        (
            mtls(json!({ "identityAttributes": ["CN"], "emailSanIndex": 1 })),
            "http.auth.mtls.emailSanIndex",
            "`Email`",
        ),
        (
            mtls(json!({ "identityAttributes": ["CN"], "uriSanIndex": 1 })),
            "http.auth.mtls.uriSanIndex",
            "`URI`",
        ),
        (
            mtls(json!({ "uriSanPattern": "(x)" })),
            "http.auth.mtls.uriSanPattern",
            "`URI`",
        ),
        (
            mtls(json!({ "identityAttributes": "URI", "uriSanPattern": "(x" })),
            "http.auth.mtls.uriSanPattern",
            "RE2",
        ),
        (
            mtls(json!({ "identityAttributes": "URI", "uriSanPattern": "x" })),
            "http.auth.mtls.uriSanPattern",
            "group",
        ),
        (
            mtls(json!({ "identityAttributes": "URI", "uriSanIndex": -1 })),
            "http.auth.mtls.uriSanIndex",
            "zero or more",
        ),
        (
            mtls(json!({ "identityAttribute": "URI" })),
            "http.auth.mtls.identityAttribute",
            "did you mean",
        ),
        (
            with("/proxy/publicPaths", json!(["/healthz", "/v*/x"])),
            "proxy.publicPaths[1]",
            "/v2",
        ),
        (
            with(
                "/proxy",
                json!({ "pushKey": { "env": "KEY" }, "upstreamHost": "a" }),
            ),
            "proxy.upstreamHost",
            "proxy.upstreamCluster, which is missing",
        ),
        (
            with(
                "/proxy/upstreamCluster",
                json!("outbound|5000||registry.default.svc.cluster.local"),
            ),
            "proxy.upstreamHost",
            "must be given",
        ),
        (
            upstream_host("https://a"),
            "proxy.upstreamHost",
            "is not a host",
        ),
        (upstream_host("a/b"), "proxy.upstreamHost", "is not a host"),
        (
            upstream_host("a\r\nx: y"),
            "proxy.upstreamHost",
            "is not a host",
        ),
        (upstream_host(""), "proxy.upstreamHost", "is not a host"),
        (upstream_host("a:b"), "proxy.upstreamHost", "is not a host"),
        (upstream_host("me@a"), "proxy.upstreamHost", "is not a host"),
        (
            with("/proxy/publicPaths", json!("/a[")),
            "proxy.publicPaths[0]",
            "glob",
        ),
        (
            with("/proxy/identityHeader", json!("host")),
            "proxy.identityHeader",
            "x-registry-user",
        ),
        (
            with("/proxy/pushKey", json!({})),
            "proxy.pushKey.env",
            "environment variable",
        ),
        (
            with("/proxy/upstream", json!("x")),
            "proxy.upstream",
            "did you mean `upstreamHost`",
        ),
        (
            with("/http/accessControl/x/y", json!(1)),
            "http.accessControl.x",
            "unknown key",
        ),
        (
            with("/http/accessControl/repositories", json!({ "a[": {} })),
            "http.accessControl.repositories[\"a[\"]",
            "",
        ),
        (
            with(
                "/http/accessControl/repositories",
                json!({ "a/*": { "defaultPolicy": ["raed"] } }),
            ),
            "http.accessControl.repositories[\"a/*\"].defaultPolicy[0]",
            "read",
        ),
        (
            with("/http/auth", json!({})),
            "http.accessControl",
            "nobody can authenticate",
        ),
        (json!({}), "http", "who may do what"),
        (json!([]), "", "must be an object, not a list"),
        (
            json!({ "intake": {} }),
            "intake.pushKey",
            "REGISTRY_AUTH_PUSH_KEY",
        ),
        (
            json!({ "intake": { "pushKey": {} } }),
            "intake.pushKey.env",
            "environment variable",
        ),
        (
            json!({ "intake": { "pushKey": { "env": "KEY" }, "readRequestBodies": "no" } }),
            "intake.readRequestBodies",
            "must be true or false",
        ),
    ];
    for (mut document, path, message) in rows {
        if path.ends_with("awsSecretsManager.region") {
            assert_eq!(
                document["http"]["auth"]["bearer"]["awsSecretsManager"].take(),
                json!({})
            );
            document["http"]["auth"]["bearer"]["awsSecretsManager"] = json!({ "secretName": "x" });
        }
        let found = diagnose(&document).errors;
        let hit = found
            .iter()
            .any(|error| error.path == path && error.message.contains(message));
        assert!(hit, "{path} ({message}) is not among {found:#?}");
    }
    let both = with(&bearer("awsSecretsManager"), aws.clone());
    let mut both_with_cert = both.clone();
    both_with_cert["http"]["auth"]["bearer"]["cert"] = json!(KEY);
    assert!(
        diagnose(&both_with_cert).errors[0]
            .message
            .contains("both `cert` and `awsSecretsManager`")
    );
    let mut without_key = both;
    without_key["proxy"] = json!({});
    assert!(
        diagnose(&without_key).errors[0]
            .message
            .contains("proxy.pushKey")
    );
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
