//! What says nothing: null, and empty strings and lists. None of it may open anything.

use serde_json::{Value, json};

use super::{Diagnostics, Role, decode, diagnose, good, merge, with};
use crate::config::decode_value;

/// A document with every key that is read, so that each can be made null.
fn full() -> Value {
    let mut document = json!({
        "http": {
            "realm": "r",
            "auth": {
                "failDelay": 1,
                "login": { "cluster": "login", "methods": ["htpasswd"], "timeout": "10s" },
                "mtls": {
                    "identityAttributes": ["URI"], "uriSanPattern": "(.*)", "uriSanIndex": 0, "dnsSanIndex": 0,
                    "emailSanIndex": 0, "bindTokens": true,
                },
                "bearer": {
                    "realm": "https://r.example.com/auth/token", "service": "s", "cert": super::KEY,
                    "awsSecretsManager": {
                        "region": "r", "secretName": "s", "refreshInterval": "1m", "maxStale": "1h", "strict": true,
                    },
                    "oidc": [{
                        "issuer": "https://i", "audiences": ["a"], "skipIssuerVerification": false,
                        "certificateAuthority": "x", "certificateAuthorityFile": "/x", "cluster": "c",
                        "jwksUri": "https://i/k", "jwksCluster": "c", "jwks": {}, "keySource": "callout",
                        "tokenFile": "/t", "clockSkew": "1s", "maxStale": "1h",
                        "claimMapping": {
                            "variables": [{ "name": "n", "expression": "claims.sub" }],
                            "validations": [{ "expression": "claims.ok == true", "message": "m" }],
                            "username": "claims.sub", "groups": "claims.groups",
                        },
                    }],
                    "audiences": ["a"], "issuer": "i", "bypassAccessControl": false,
                    "mint": {
                        "issuer": "m", "keyId": "k", "lifetime": "5m", "algorithm": "ES256",
                        "awsSecretsManager": {
                            "region": "r", "secretName": "m", "refreshInterval": "1m", "maxStale": "1h", "strict": true,
                        },
                    },
                },
            },
            "accessControl": {
                "groups": { "g": { "users": ["u"] } },
                "repositories": { "a/**": {
                    "policies": [{
                        "name": "n", "users": ["u"], "groups": ["g"], "actions": ["read"],
                        "conditions": [{ "expression": "req.tag != 'x'", "message": "m" }],
                    }],
                    "defaultPolicy": ["read"], "anonymousPolicy": ["read"],
                } },
                "adminPolicy": { "name": "n", "users": ["u"], "groups": ["g"], "actions": ["read"], "conditions": [] },
            },
        },
        "proxy": {
            "upstream": "http://127.0.0.1:5000", "upstreamCluster": "u", "upstreamHost": "r", "oidcCluster": "i", "pushKey": { "env": "K" },
            "upstreamAuthorization": { "env": "A" }, "forwardAuthorization": false, "identityHeader": "x-user", "refuseIdentityHeader": false,
            "publicPaths": ["/healthz"], "readRequestBodies": true, "extensions": false, "mounts": false, "clientAddress": "proxy",
        },
        "log": { "level": "info", "decisions": { "deny": 1, "allow": 0.5, "claims": ["ref"], "trace": true } },
        "tests": [], "lint": {},
    });
    let mapping = document["http"]["auth"]["bearer"]["oidc"][0]["claimMapping"].clone();
    document["shadow"] = json!({
        "accessControl": document["http"]["accessControl"],
        "claimMapping": { "https://i": mapping },
        "warn": "from 2027",
    });
    document
}

/// JSON pointers of everything below `value`.
fn places(value: &Value, at: &str, into: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.replace('/', "~1"), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(index, value)| (index.to_string(), value))
            .collect(),
        _ => return,
    };
    for (name, value) in inner {
        let place = format!("{at}/{name}");
        into.push(place.clone());
        places(value, &place, into);
    }
}

/// A JSON pointer as the path of a message.
fn path(pointer: &str) -> String {
    let mut path = String::new();
    for step in pointer.split('/').skip(1) {
        match step.parse::<usize>() {
            Ok(index) => path = format!("{path}[{index}]"),
            Err(_) if step.contains("~1") => {
                path = format!("{path}[{:?}]", step.replace("~1", "/"));
            }
            Err(_) => {
                path = if path.is_empty() {
                    step.to_owned()
                } else {
                    format!("{path}.{step}")
                }
            }
        }
    }
    path
}

#[test]
fn null_is_refused_wherever_something_is_read() {
    let full = full();
    let mut all = Vec::new();
    places(&full, "", &mut all);
    assert!(all.len() > 90, "{}", all.len());
    for pointer in all {
        let mut document = full.clone();
        *document.pointer_mut(&pointer).unwrap() = Value::Null;
        let (_, read) = decode_value(document);
        let hit = read
            .errors
            .iter()
            .any(|error| error.path == path(&pointer) && error.message.contains("null"));
        assert!(hit, "{pointer}: {:#?}", read.errors);
    }
}

/// Every key that the reader knows is in the document above: the rest of the keys of each object
/// are known too.
#[test]
fn the_document_of_all_keys_has_all_keys() {
    let (_, read) = decode_value(full());
    assert_eq!(read.errors, []);
    let mut probed = full();
    let mut all = Vec::new();
    places(&full(), "", &mut all);
    for pointer in all.iter().chain([&String::new()]) {
        if let Some(Value::Object(members)) = probed.pointer_mut(pointer) {
            members.insert("zzzz".to_owned(), json!(1));
        }
    }
    let zots = ["metrics", "upstreamTokenEndpoint"];
    let (_, read) = decode_value(probed);
    for error in read
        .errors
        .iter()
        .filter(|error| error.path.ends_with("zzzz"))
    {
        let Some((_, known)) = error.message.split_once("known here: ") else {
            continue;
        };
        let parent = error.path.trim_end_matches("zzzz").trim_end_matches('.');
        for name in known.split(", ").filter(|name| !zots.contains(name)) {
            let is_zots = crate::config::sections::is_ignored(name);
            let pointer = all
                .iter()
                .any(|pointer| path(pointer) == format!("{parent}.{name}").trim_start_matches('.'));
            assert!(
                pointer || is_zots || name == "intake",
                "{parent}.{name} is read and not in the document"
            );
        }
    }
}

#[test]
fn a_document_that_is_no_configuration_says_what_it_is() {
    let as_struct = b"\x0a\x0a\x0a\x04http\x12\x02\x2a\x00";
    let as_value = b"\x0a\x23type.googleapis.com/a.TypedStruct.x\x12\x00";
    let rows: [(&[u8], &str); 10] = [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"null", "is empty"),
        (as_struct, "google.protobuf.StringValue"),
        (as_value, "google.protobuf.StringValue"),
        (b"\x0a\x02{}", "google.protobuf.StringValue"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"\xff\xfe{\0}\0", "not UTF-8"),
        (b"\n{\n\"http\": }", "not valid JSON at line 3"),
        (b"http:\n  realm: x\n", "not valid JSON at line 1"),
    ];
    for (text, message) in rows {
        let (role, found) = decode(text);
        assert_eq!(role, Role::Unreadable);
        assert_eq!(found.errors.len(), 1);
        assert!(
            found.errors[0].message.contains(message),
            "{}: {found:?}",
            text.escape_ascii()
        );
    }
}

#[test]
fn what_is_empty_opens_nothing() {
    let oidc = "/http/auth/bearer/oidc/0";
    let at = |name: &str| format!("{oidc}/{name}");
    let bearer = |name: &str| format!("/http/auth/bearer/{name}");
    let entry = |members: Value| {
        let mut entry = json!({ "users": ["u"], "groups": ["g"], "actions": ["read"] });
        merge(&mut entry, &members);
        with(
            "/http/accessControl/repositories",
            json!({ "a/**": { "policies": [entry] } }),
        )
    };
    let mapped = |mapping: Value| with(&at("claimMapping"), mapping);
    let policy = "http.accessControl.repositories[\"a/**\"].policies[0]";
    let oidc = "http.auth.bearer.oidc[0]";
    // (document, place, message)
    let rows = [
        (
            with("/http/auth/bearer", json!({})),
            "http.auth.bearer".to_owned(),
            "source of keys",
        ),
        (
            with(&bearer("oidc"), json!([])),
            "http.auth.bearer".to_owned(),
            "source of keys",
        ),
        (
            with(&bearer("oidc"), json!({})),
            format!("{oidc}.issuer"),
            "must be given",
        ),
        (
            with(&bearer("oidc"), json!([{}])),
            format!("{oidc}.audiences"),
            "at least one",
        ),
        (
            with(&bearer("oidc"), json!([null])),
            oidc.to_owned(),
            "null",
        ),
        (
            with(&at("audiences"), json!("")),
            format!("{oidc}.audiences[0]"),
            "empty",
        ),
        (
            with(&bearer("audiences"), json!([])),
            "http.auth.bearer.audiences".to_owned(),
            "is empty",
        ),
        (
            with(&bearer("audiences"), json!("")),
            "http.auth.bearer.audiences".to_owned(),
            "is empty",
        ),
        (
            with(&bearer("audiences"), json!([" "])),
            "http.auth.bearer.audiences".to_owned(),
            "is empty",
        ),
        (
            with(&bearer("issuer"), json!("")),
            "http.auth.bearer.issuer".to_owned(),
            "is empty",
        ),
        (
            with("/http", json!({})),
            "http".to_owned(),
            "who may do what",
        ),
        (
            with("/http/auth", json!({})),
            "http.accessControl".to_owned(),
            "nobody can authenticate",
        ),
        (
            with("/proxy/pushKey", json!({})),
            "proxy.pushKey.env".to_owned(),
            "environment variable",
        ),
        (
            with("/proxy/upstreamCluster", json!("")),
            "proxy.upstreamCluster".to_owned(),
            "is empty",
        ),
        (
            with("/proxy/identityHeader", json!("")),
            "proxy.identityHeader".to_owned(),
            "x-registry-user",
        ),
        (
            with("/proxy/publicPaths", json!("")),
            "proxy.publicPaths[0]".to_owned(),
            "literal path",
        ),
        (
            with("/proxy/clientAddress", json!("")),
            "proxy.clientAddress".to_owned(),
            "write `proxy`",
        ),
        (
            with("/log", json!({ "level": "" })),
            "log.level".to_owned(),
            "not a level",
        ),
        (
            entry(json!({ "conditions": [{}] })),
            format!("{policy}.conditions[0].expression"),
            "is empty",
        ),
        (
            entry(json!({ "conditions": {} })),
            format!("{policy}.conditions[0].expression"),
            "is empty",
        ),
        (
            entry(json!({ "conditions": [{ "expression": "" }] })),
            format!("{policy}.conditions[0].expression"),
            "empty",
        ),
        (
            entry(json!({ "conditions": [{ "expression": " " }] })),
            format!("{policy}.conditions[0].expression"),
            "empty",
        ),
        (
            entry(json!({ "conditions": "" })),
            format!("{policy}.conditions[0]"),
            "must be an object",
        ),
        (
            entry(json!({ "conditions": [null] })),
            format!("{policy}.conditions[0]"),
            "null",
        ),
        (
            entry(json!({ "name": "" })),
            format!("{policy}.name"),
            "1 to 64 characters",
        ),
        (
            entry(json!({ "users": "" })),
            format!("{policy}.users[0]"),
            "empty user name",
        ),
        (
            entry(json!({ "users": ["u", ""] })),
            format!("{policy}.users[1]"),
            "empty user name",
        ),
        (
            entry(json!({ "groups": "" })),
            format!("{policy}.groups[0]"),
            "empty group name",
        ),
        (
            entry(json!({ "actions": "" })),
            format!("{policy}.actions[0]"),
            "unknown action",
        ),
        (
            mapped(json!({ "validations": [{}] })),
            format!("{oidc}.claimMapping.validations[0].expression"),
            "is empty",
        ),
        (
            mapped(json!({ "variables": [{}] })),
            format!("{oidc}.claimMapping.variables[0].expression"),
            "is empty",
        ),
    ];
    for (document, place, message) in rows {
        let found = diagnose(&document).errors;
        let hit = found
            .iter()
            .any(|error| error.path == place && error.message.contains(message));
        assert!(hit, "{place} ({message}) is not among {found:#?}");
    }
}

/// Lists that are written as empty say plainly what they say.
#[test]
fn what_is_plainly_empty_is_accepted() {
    let mut document = good();
    document["http"]["auth"]["bearer"]["oidc"][0]["claimMapping"] =
        json!({ "variables": [], "validations": [] });
    document["http"]["auth"]["mtls"] = json!({ "identityAttributes": [] });
    document["http"]["accessControl"] = json!({
        "groups": {},
        "repositories": { "a/**": {
            "policies": [{ "users": ["u"], "groups": [], "actions": ["read"], "conditions": [] }],
            "defaultPolicy": [], "anonymousPolicy": [],
        }, "b/**": {} },
    });
    document["proxy"]["publicPaths"] = json!([]);
    document["log"] = json!({});
    assert_eq!(diagnose(&document), Diagnostics::default());
}

#[test]
fn access_control_that_is_absent_is_said_to_be() {
    let warnings = diagnose(&with("/http/accessControl", json!(null))).warnings;
    let reported: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        reported,
        ["http.accessControl: is absent: every authenticated caller may do everything"]
    );
}
