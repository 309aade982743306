//! What is wrong with a configuration, each with its place and what to write instead.

use super::*;

/// A set of one public key, and the same key with these members.
fn private(members: &Value) -> Value {
    let public = json!({
        "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    });
    let mut other = public.clone();
    merge(&mut other, members);
    json!({ "keys": [public, other] })
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
            with(&at("jwks"), private(&json!({ "d": "tops3cret" }))),
            "http.auth.bearer.oidc[0].jwks.keys[1]",
            "is a private key: paste the public key (without `d`)",
        ),
        (
            with(&at("jwks"), private(&json!({ "qi": "tops3cret" }))),
            "http.auth.bearer.oidc[0].jwks.keys[1]",
            "is a private key: paste the public key (without `qi`)",
        ),
        (
            with(&at("jwks"), private(&json!({ "D": "tops3cret" }))),
            "http.auth.bearer.oidc[0].jwks.keys[1]",
            "is a private key: paste the public key (without `d`)",
        ),
        (
            with(
                &at("jwks"),
                private(&json!({ "kty": "AKP", "priv": "tops3cret" })),
            ),
            "http.auth.bearer.oidc[0].jwks.keys[1]",
            "is a private key: paste the public key (without `priv`)",
        ),
        (
            with(
                &at("jwks"),
                private(&json!({ "kty": "oct", "k": "tops3cret" })),
            ),
            "http.auth.bearer.oidc[0].jwks.keys[1]",
            "is a shared secret: paste the public key (without `k`)",
        ),
        (
            with(
                &bearer("cert"),
                json!(
                    json!({ "keys": [private(&json!({ "d": "tops3cret" }))["keys"][1]] })
                        .to_string()
                ),
            ),
            "http.auth.bearer.cert",
            "it is a private key; use the public key",
        ),
        (
            with(
                &bearer("cert"),
                json!(format!(
                    "{KEY}-----BEGIN EC PRIVATE KEY-----\ntops3cret\n-----END EC PRIVATE KEY-----\n"
                )),
            ),
            "http.auth.bearer.cert",
            "holds a private key: paste the public one alone",
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
            with("/http/auth/failDelay", json!("2s")),
            "http.auth.failDelay",
            "whole number",
        ),
        // A text of digits is read as the number: this one is too great.
        (
            with("/http/auth/failDelay", json!("61")),
            "http.auth.failDelay",
            "60 seconds at most",
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
            with("/proxy/refuseIdentityHeader", json!(true)),
            "proxy.refuseIdentityHeader",
            "proxy.identityHeader names, which is missing",
        ),
        (
            with("/proxy/pushKey", json!({})),
            "proxy.pushKey.env",
            "environment variable",
        ),
        (
            with("/proxy/upstreamHosts", json!("x")),
            "proxy.upstreamHosts",
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
        let is_shown = found
            .iter()
            .any(|error| error.message.contains("tops3cret"));
        assert!(!is_shown, "{path}: {found:#?}");
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
