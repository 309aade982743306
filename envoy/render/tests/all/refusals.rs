//! What is refused, with its place and what to write instead.

use registry_auth_render::{Options, Upstream};
use serde_json::{Value, json};

use crate::sample::{checking, good, issuers, with};

fn base() -> Value {
    issuers(json!([{ "issuer": "https://a.example", "audiences": ["registry"] }]))
}

/// Lays members over a document; null removes.
fn merge(into: &mut Value, from: &Value) {
    let Some(members) = from.as_object() else {
        *into = from.clone();
        return;
    };
    if !into.is_object() {
        *into = json!({});
    }
    for (name, value) in members {
        if value == "REMOVE" {
            into.as_object_mut().unwrap().remove(name);
        } else {
            merge(&mut into[name.as_str()], value);
        }
    }
}

/// The rows: `--upstream`, `proxy.upstream`, and what is said of the second; nothing where both are
/// the same, or one is missing.
#[test]
fn a_registry_that_is_not_used_is_named_unless_it_may_hold_a_password() {
    let (one, other) = ("http://127.0.0.1:1", "https://registry.test");
    let rows = [
        (None, Some(other), None),
        (Some(one), None, None),
        (Some(one), Some(one), None),
        (
            Some(one),
            Some(other),
            Some("proxy.upstream: --upstream has precedence: `https://registry.test` is not used"),
        ),
        (
            Some(one),
            Some("https://a:tops3cret@registry.test"),
            Some("proxy.upstream: --upstream has precedence"),
        ),
    ];
    for (option, written, said) in rows {
        let mut document = base();
        if let Some(written) = written {
            merge(&mut document, &json!({ "proxy": { "upstream": written } }));
        }
        let options = Options {
            upstream: option.map(|url| Upstream {
                url: url.to_owned(),
                ..Upstream::default()
            }),
            ..Options::default()
        };
        let warnings = good(&document, &options)
            .warnings
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>();
        let mut found = warnings
            .iter()
            .filter(|line| line.starts_with("proxy.upstream"));
        assert_eq!(
            found.next().map(String::as_str),
            said,
            "{option:?} {written:?}"
        );
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn what_is_wrong_in_a_document_is_one_line_with_its_place() {
    let ldap = json!({ "http": { "auth": { "bearer": "REMOVE", "ldap": {} } } });
    let entry = |members: Value| {
        let mut entry = json!({ "issuer": "https://a.example", "audiences": ["registry"] });
        merge(&mut entry, &members);
        json!({ "http": { "auth": { "bearer": { "oidc": [entry] } } } })
    };
    let tls = |members: Value| json!({ "http": { "tls": members } });
    let (cert, key) = ("/etc/zot/certs/server.cert", "/etc/zot/certs/server.key");
    // (members, place, what the message has)
    let rows = [
        (
            json!({ "intake": { "pushKey": { "env": "K" } }, "http": "REMOVE" }),
            "intake",
            "document of the filter",
        ),
        (
            json!({ "http": { "accesControl": {} } }),
            "http.accesControl",
            "accessControl",
        ),
        (json!({ "stroage": {} }), "stroage", "unknown key"),
        (json!({ "http": { "port": 70000 } }), "http.port", "65535"),
        (json!({ "http": { "port": [] } }), "http.port", "65535"),
        (json!({ "http": { "port": null } }), "http.port", "null"),
        (
            json!({ "http": { "port": 1, "PORT": 2 } }),
            "http.port",
            "duplicate",
        ),
        (
            json!({ "http": { "address": "zot.example" } }),
            "http.address",
            "127.0.0.1",
        ),
        (
            json!({ "http": { "address": 1 } }),
            "http.address",
            "string",
        ),
        (
            json!({ "http": { "externalUrl": "zot" } }),
            "http.externalUrl",
            "absolute",
        ),
        (tls(json!([])), "http.tls", "object"),
        (tls(json!({ "cert": cert })), "http.tls", "`key`"),
        (
            tls(json!({ "cacert": cert })),
            "http.tls",
            "`cert` and `key`",
        ),
        (
            tls(json!({ "cert": cert, "key": 1 })),
            "http.tls.key",
            "path",
        ),
        (
            tls(json!({ "cert": cert, "key": key, "ca": key })),
            "http.tls.ca",
            "cacert",
        ),
        (
            tls(json!({ "cert": "/missing", "key": key })),
            "http.tls.cert",
            "cannot read `/missing`",
        ),
        (
            tls(json!({ "cert": key, "key": key })),
            "http.tls.cert",
            "not the PEM text of a certificate",
        ),
        (
            tls(json!({ "cert": cert, "key": cert })),
            "http.tls.key",
            "no private key",
        ),
        (
            tls(json!({ "cert": cert, "key": key, "cacert": key })),
            "http.tls.cacert",
            "certificate",
        ),
        (
            json!({ "http": { "auth": { "mtls": {} } } }),
            "http.auth.mtls",
            "http.tls",
        ),
        (
            merged(
                &tls(json!({ "cert": cert, "key": key })),
                &json!({ "http": { "auth": { "mtls": {} } } }),
            ),
            "http.auth.mtls",
            "`cacert`",
        ),
        (ldap, "http.auth.ldap", "not supported"),
        (
            json!({ "http": { "auth": { "bearer": { "cert": "/missing" } } } }),
            "http.auth.bearer.cert",
            "cannot read `/missing`",
        ),
        (
            json!({ "http": { "auth": { "bearer": { "cert": key } } } }),
            "http.auth.bearer.cert",
            "",
        ),
        (
            entry(json!({ "certificateAuthorityFile": "/missing" })),
            "http.auth.bearer.oidc[0].certificateAuthorityFile",
            "cannot read",
        ),
        (
            entry(json!({ "certificateAuthorityFile": key })),
            "http.auth.bearer.oidc[0].certificateAuthorityFile",
            "certificate",
        ),
        (
            entry(json!({ "certificateAuthority": "x" })),
            "http.auth.bearer.oidc[0].certificateAuthority",
            "PEM",
        ),
        (
            entry(json!({ "tokenFile": "/missing" })),
            "http.auth.bearer.oidc[0].tokenFile",
            "cannot read",
        ),
        (
            entry(json!({ "tokenFile": key })),
            "http.auth.bearer.oidc[0].tokenFile",
            "one token",
        ),
        (
            entry(json!({ "keySource": "callout", "tokenFile": "/missing" })),
            "http.auth.bearer.oidc[0].tokenFile",
            "",
        ),
        (
            entry(json!({ "keySource": "shim" })),
            "http.auth.bearer.oidc[0].keySource",
            "not a source",
        ),
        (
            entry(json!({ "issuer": "a" })),
            "http.auth.bearer.oidc[0].issuer",
            "jwksUri",
        ),
        (
            entry(json!({ "jwksCluster": "k" })),
            "http.auth.bearer.oidc[0].jwksCluster",
            "write `jwksUri`",
        ),
        (
            entry(json!({ "cluster": "registry" })),
            "http.auth.bearer.oidc[0].cluster",
            "another server",
        ),
        (
            json!({ "proxy": { "upstreamHost": "a b" } }),
            "proxy.upstreamHost",
            "not a host",
        ),
        (
            json!({ "log": { "level": "loud" } }),
            "log.level",
            "not a level",
        ),
    ];
    for (members, place, message) in rows {
        let mut document = base();
        merge(&mut document, &members);
        let errors = with(&document, &checking()).expect_err(&members.to_string());
        let hit = errors
            .iter()
            .filter(|error| error.path == place && error.message.contains(message));
        assert_eq!(
            hit.count(),
            1,
            "{members}: {place} ({message}): {errors:#?}"
        );
        let secret = "PRIVATE KEY";
        assert!(
            errors.iter().all(|error| !error.message.contains(secret)),
            "{errors:#?}"
        );
    }
}

fn merged(first: &Value, second: &Value) -> Value {
    let mut whole = first.clone();
    merge(&mut whole, second);
    whole
}

#[test]
fn two_servers_under_one_name_are_refused() {
    let mut document = issuers(json!([
        { "issuer": "https://a.example", "audiences": ["registry"] },
        { "issuer": "https://b.example", "audiences": ["registry"] },
    ]));
    document["proxy"] = json!({ "oidcCluster": "issuers" });
    let errors = with(&document, &Options::default()).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert_eq!(errors[0].path, "http.auth.bearer.oidc[1].cluster");
}

#[test]
fn a_registry_that_cannot_be_reached_as_it_is_written_is_refused() {
    let rows = [
        ("zot:5000", false, "http://HOST:PORT"),
        ("ftp://zot", false, "http://HOST:PORT"),
        (
            "http://user:tops3cret@zot",
            false,
            "--upstream-authorization",
        ),
        ("http://zot/v2", false, "has a path"),
        ("http://zot?x", false, "has a path"),
        ("unix:zot.sock", false, "absolute path"),
        ("http://zot", true, "not https"),
        ("unix:/zot.sock", true, "not https"),
    ];
    for (url, with_ca, message) in rows {
        let upstream = Upstream {
            url: url.to_owned(),
            certificate_authority: with_ca.then(|| "/ca.pem".to_owned()),
            ..Upstream::default()
        };
        let options = Options {
            upstream: Some(upstream),
            ..Options::default()
        };
        let errors = with(&base(), &options).expect_err(url);
        assert_eq!(
            (errors.len(), errors[0].path.as_str()),
            (1, "--upstream"),
            "{url}: {errors:#?}"
        );
        assert!(errors[0].message.contains(message), "{url}: {errors:#?}");
        assert!(!errors[0].message.contains("tops3cret"));
        // The same in the document.
        let mut document = base();
        document["proxy"]["upstream"] = json!(url);
        let errors = with(&document, &Options::default()).err();
        let errors = errors.unwrap_or_default();
        let paths: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
        assert_eq!(paths.is_empty(), with_ca, "{url}: {errors:#?}");
        assert!(
            paths.iter().all(|path| *path == "proxy.upstream"),
            "{errors:#?}"
        );
        assert!(!format!("{errors:?}").contains("tops3cret"));
    }
}

#[test]
fn files_are_left_alone_for_a_proxy_elsewhere() {
    let mut document = base();
    document["http"]["tls"] = json!({ "cert": "/missing", "key": "/missing" });
    assert!(with(&document, &Options::default()).is_ok());
    assert_eq!(with(&document, &checking()).unwrap_err().len(), 2);
}
