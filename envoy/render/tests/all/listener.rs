//! The listener of the completed proxy, and the sections that do not reach it.

use registry_auth_render::Options;
use serde_json::json;

use crate::completion::entry;
use crate::sample::{good, issuers};

#[test]
fn the_listener_is_that_of_zot() {
    let base = issuers(json!([entry("https://a.example", &json!({}))]));
    // (members of `http`, address and port)
    let rows = [
        (json!({}), "127.0.0.1", 8080),
        (json!({ "address": "", "port": "" }), "127.0.0.1", 8080),
        (
            json!({ "address": "0.0.0.0", "port": "5000" }),
            "0.0.0.0",
            5000,
        ),
        (
            json!({ "Address": "localhost", "PORT": 5001 }),
            "127.0.0.1",
            5001,
        ),
        (json!({ "address": "::", "port": 0 }), "::", 0),
    ];
    for (members, address, port) in rows {
        let mut document = base.clone();
        for (name, value) in members.as_object().unwrap() {
            document["http"][name] = value.clone();
        }
        let completed = good(&document, &Options::default());
        let listener = &completed.listener;
        assert_eq!(
            (listener.address.to_string().as_str(), listener.port),
            (address, port)
        );
        let in_clear = completed
            .assumptions
            .iter()
            .any(|line| line.contains("in clear text"));
        assert_eq!(in_clear, !listener.address.is_loopback(), "{members}");
    }
}

#[test]
fn authorities_of_clients_turn_certificates_on_as_in_zot() {
    let tls = json!({ "cert": "/etc/zot/certs/server.cert", "key": "/etc/zot/certs/server.key", "cacert": "/etc/zot/certs/ca.cert" });
    let policy = json!({ "repositories": { "**": { "defaultPolicy": ["read"] } } });
    let document = json!({ "http": { "tls": tls, "accessControl": policy } });
    let completed = good(&document, &Options::default());
    assert_eq!(completed.filter["http"]["auth"]["mtls"], json!({}));
    assert!(
        completed
            .assumptions
            .iter()
            .any(|line| line.starts_with("http.auth.mtls: {}"))
    );
    // With tokens they say nothing about who is asking, unless that is written.
    let mut document = issuers(json!([entry("https://a.example", &json!({}))]));
    document["http"]["tls"] = tls;
    let completed = good(&document, &Options::default());
    assert_eq!(completed.filter["http"]["auth"].get("mtls"), None);
    let tls = completed.listener.tls.unwrap();
    assert_eq!(
        tls.client_authorities.as_deref(),
        Some("/etc/zot/certs/ca.cert")
    );
}

#[test]
fn sections_of_zot_are_named_and_do_not_reach_the_proxy() {
    let mut document = issuers(json!([entry("https://a.example", &json!({}))]));
    document["storage"] = json!({ "storageDriver": { "secretkey": "tops3cret" } });
    document["extensions"] = json!({ "sync": { "credentialsFile": "tops3cret" } });
    document["http"]["auth"]["ldap"] = json!({ "bindPassword": "tops3cret" });
    document["http"]["compat"] = json!(["docker2s2"]);
    document["log"] = json!({ "level": "fatal", "output": "/tops3cret" });
    let completed = good(&document, &Options::default());
    let place = registry_auth_render::envoy::Place::default();
    assert!(!registry_auth_render::envoy::bootstrap(&completed, &place).contains("tops3cret"));
    assert_eq!(completed.filter["log"], json!({ "level": "error" }));
    let warnings: Vec<_> = completed.warnings.iter().map(ToString::to_string).collect();
    for name in [
        "storage",
        "extensions",
        "http.compat",
        "http.auth.ldap",
        "log.output",
    ] {
        assert!(
            warnings.iter().any(|line| line.contains(name)),
            "{name}: {warnings:#?}"
        );
    }
    assert!(
        !warnings.iter().any(|line| line.contains("http.port")),
        "{warnings:#?}"
    );
}
