//! Configurations that are refused, each with its error: by the module on wasmtime and in Envoy.

use serde_json::{Value, json};

/// A configuration that starts: what the rows change.
#[must_use]
pub fn good() -> Value {
    json!({
        "http": {
            "auth": {"bearer": {"oidc": [{"issuer": "http://issuer.test", "audiences": ["registry"], "cluster": "issuers"}]}},
            "accessControl": {"repositories": {"team/**": {"defaultPolicy": ["read"]}}},
        },
    })
}

/// The configuration with one more key at a JSON pointer, and without access control where that is
/// its place.
#[must_use]
pub fn with(pointer: &str, name: &str, value: Value) -> Value {
    let mut document = good();
    if let Some(place) = document.pointer_mut(pointer).and_then(Value::as_object_mut) {
        place.remove("accessControl");
        place.insert(name.to_owned(), value);
    }
    document
}

fn policy(members: &Value) -> Value {
    json!({"repositories": {"team/**": {"policies": [members]}}})
}

/// Text of a configuration, and a part of the error.
#[must_use]
pub fn rows() -> Vec<(Vec<u8>, &'static str)> {
    let control = good()
        .pointer("/http/accessControl")
        .cloned()
        .unwrap_or_default();
    let condition = json!({"users": ["a"], "actions": ["read"], "conditions": [{"expression": "req.client.ip == '::1'"}]});
    let open = json!({"users": ["a"], "actions": ["read"], "conditions": null});
    let issuer = |issuer: &str| json!({"issuer": issuer, "audiences": ["a"], "cluster": "issuers"});
    let issuers = json!([
        issuer("http://issuer.test"),
        issuer("http://issuer.test/tenant")
    ]);
    let promise = |test: Value| with("", "tests", json!([test]));
    let documents = [
        (
            {
                let mut document = good();
                if let Some(root) = document.as_object_mut() {
                    let test = json!({"as": "anonymous", "allow": ["pull team/app:v1"]});
                    root.insert("tests".to_owned(), json!([test]));
                }
                document
            },
            "tests[0]: the test \"tests[0]\" fails: `pull team/app:v1` should be allowed; it is refused at `HEAD /v2/team/app/manifests/v1`",
        ),
        (
            promise(json!({"as": "nobody", "deny": ["catalog"]})),
            "tests[0].as: must be `anonymous`",
        ),
        (
            promise(json!({"as": "anonymous", "deny": ["steal it"]})),
            "tests[0].deny[0]: `steal` is nothing that a client does",
        ),
        (
            promise(json!({"as": "anonymous", "allowed": ["catalog"]})),
            "unknown field `allowed`",
        ),
        (
            with("/http", "accesControl", control.clone()),
            "http.accesControl: unknown key; did you mean `accessControl`",
        ),
        (
            with("/http", "accessControls", control.clone()),
            "did you mean `accessControl`",
        ),
        (
            with("/http", "accessControl", Value::Null),
            "http.accessControl: is null",
        ),
        (
            with("", "accessControl", control.clone()),
            "accessControl: unknown key here; did you mean `http.accessControl`",
        ),
        (
            with("/http/auth", "accessControl", control),
            "did you mean `http.accessControl`",
        ),
        (
            with("", "unheard", json!({})),
            "unheard: unknown key; known here: ",
        ),
        (
            with("/http", "accessControl", policy(&open)),
            ".policies[0].conditions: is null",
        ),
        (
            with("/http", "accessControl", policy(&condition)),
            "`\"clientAddress\": \"proxy\"`",
        ),
        (
            with("/http/auth/bearer", "oidc", issuers),
            "http.auth.bearer.oidc[1].issuer: ",
        ),
        (
            with(
                "",
                "proxy",
                json!({"upstreamAuthorization": {"env": "REGISTRY_AUTH_PUSH_KEY"}}),
            ),
            "proxy.upstreamAuthorization: `REGISTRY_AUTH_PUSH_KEY` does not hold the value of `Authorization`",
        ),
        (
            with("", "proxy", json!({"pushKey": {"env": "Basic 4c1a"}})),
            "proxy.pushKey.env: must be the name of an environment variable",
        ),
    ];
    let mut rows: Vec<_> = documents
        .map(|(document, message)| (document.to_string().into_bytes(), message))
        .into();
    rows.push((
        b"\x0a\x0a\x0a\x04http\x12\x02\x2a\x00".to_vec(),
        "google.protobuf.StringValue",
    ));
    rows.push((Vec::new(), "is empty"));
    rows
}
