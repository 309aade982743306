//! How people log in: what of zot's sections reaches the proxy, and where it asks.

use registry_auth_engine::{Role, compile, decode};
use registry_auth_render::envoy::{self, Place};
use registry_auth_render::{Endpoint, LOGIN_CLUSTER, Login, Options, PAGES_CLUSTER};
use serde_json::{Value, json};

use crate::sample::{good, with, yaml};

fn people() -> Value {
    json!({
        "http": {
            "externalUrl": "https://zot.example.com",
            "auth": {
                "HTPASSWD": { "path": "/tops3cret" },
                "ldap": { "address": "ldap.example.org", "bindPassword": "tops3cret" },
                "openid": { "providers": { "github": { "clientsecret": "tops3cret" } } },
                "apikey": true,
                "sessionKeysFile": "/tops3cret",
                "sessionDriver": { "url": "redis://tops3cret" },
                "secureSession": true,
                "failDelay": 2,
            },
            "accessControl": { "repositories": { "**": { "defaultPolicy": ["read"] } } },
        },
    })
}

fn options(endpoint: Endpoint) -> Options {
    let methods = ["htpasswd", "ldap", "openid", "apiKey"];
    let methods = methods.map(str::to_owned).to_vec();
    Options {
        login: Some(Login { methods, endpoint }),
        ..Options::default()
    }
}

#[test]
fn the_proxy_asks_the_login_service_and_knows_none_of_the_sections() {
    let rows = [
        (
            Endpoint::Unix("/run/login.sock".to_owned()),
            json!({ "pipe": { "path": "/run/login.sock" } }),
        ),
        (
            Endpoint::Host("127.0.0.1".to_owned(), 9903),
            json!({ "socket_address": { "address": "127.0.0.1", "port_value": 9903 } }),
        ),
    ];
    for (endpoint, address) in rows {
        let completed = good(&people(), &options(endpoint));
        let auth = json!({
            "failDelay": 2,
            "login": { "cluster": LOGIN_CLUSTER, "methods": ["htpasswd", "ldap", "openid", "apiKey"] },
        });
        assert_eq!(completed.filter["http"]["auth"], auth);
        assert!(completed.intake.is_some(), "its keys are pushed");
        let (Role::Filter(raw), mut found) = decode(completed.filter_text().as_bytes()) else {
            panic!("no filter")
        };
        assert!(compile(&raw, &mut found).is_some(), "{found:#?}");

        let text = envoy::bootstrap(&completed, &Place::default());
        assert!(!text.contains("tops3cret"));
        let read = yaml(&text);
        let clusters = read["static_resources"]["clusters"].as_array().unwrap();
        // Browsers have limits of their own.
        for (name, limit) in [(LOGIN_CLUSTER, Value::Null), (PAGES_CLUSTER, json!(320))] {
            let cluster = clusters.iter().find(|cluster| cluster["name"] == name);
            let cluster = cluster.unwrap();
            let endpoint =
                &cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"];
            assert_eq!(endpoint["address"], address);
            let limits = &cluster["circuit_breakers"]["thresholds"][0];
            for name in ["max_connections", "max_pending_requests", "max_requests"] {
                assert_eq!(limits[name], limit, "{name}");
            }
        }

        let chain = &read["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0];
        let hosts = &chain["typed_config"]["route_config"]["virtual_hosts"];
        let routes = hosts[0]["routes"].as_array().unwrap();
        let (last, pages) = routes.split_last().unwrap();
        assert_eq!(last["match"], json!({ "prefix": "/" }));
        assert_ne!(last["route"]["cluster"], PAGES_CLUSTER);
        let matched = pages.iter().map(|page| {
            assert_eq!(page["route"]["cluster"], PAGES_CLUSTER);
            page["match"].to_string()
        });
        let expected = [
            r#"{"path":"/zot/auth/apikey"}"#,
            r#"{"path":"/zot/auth/login"}"#,
            r#"{"path":"/zot/auth/logout"}"#,
            r#"{"path":"/zot/auth/callback/google"}"#,
            r#"{"path":"/zot/auth/callback/gitlab"}"#,
            r#"{"path":"/zot/auth/callback/oidc"}"#,
            r#"{"path":"/zot/auth/callback/github"}"#,
            r#"{"path":"/login"}"#,
            r#"{"prefix":"/login/"}"#,
        ];
        assert_eq!(matched.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn without_a_login_service_people_are_refused_or_named() {
    let errors = with(&people(), &Options::default()).unwrap_err();
    let places: Vec<_> = errors.iter().map(|error| error.path.as_str()).collect();
    for section in ["htpasswd", "ldap", "openid"] {
        let place = format!("http.auth.{section}");
        assert!(places.contains(&place.as_str()), "{errors:#?}");
    }
    let mut document = people();
    document["http"]["auth"]["mtls"] = json!({});
    document["http"]["tls"] = json!({ "cert": "/c", "key": "/k", "cacert": "/a" });
    let completed = good(&document, &Options::default());
    assert_eq!(completed.login, None);
    let warnings: Vec<_> = completed.warnings.iter().map(ToString::to_string).collect();
    for section in ["htpasswd", "ldap", "openid", "apiKey", "sessionKeysFile"] {
        let named = |line: &String| line.starts_with(&format!("http.auth.{section}: is ignored"));
        assert!(warnings.iter().any(named), "{warnings:#?}");
    }
    assert!(!completed.filter_text().contains("tops3cret"));
}

#[test]
fn the_section_of_the_filter_is_not_written_by_hand() {
    let mut document = people();
    document["http"]["auth"]["login"] = json!({ "cluster": "x", "methods": ["ldap"] });
    let endpoint = Endpoint::Unix("/run/login.sock".to_owned());
    let errors = with(&document, &options(endpoint)).unwrap_err();
    let first = errors.iter().find(|error| error.path == "http.auth.login");
    assert!(
        first.unwrap().message.contains("leave it out"),
        "{errors:#?}"
    );
}

#[test]
fn no_other_server_has_the_name_of_the_login_service() {
    let mut document = people();
    document["http"]["auth"]["bearer"]["oidc"] = json!([{
        "issuer": "https://a.example", "audiences": ["a"], "cluster": LOGIN_CLUSTER,
    }]);
    let endpoint = Endpoint::Unix("/run/login.sock".to_owned());
    let errors = with(&document, &options(endpoint)).unwrap_err();
    assert!(errors[0].message.contains("another server"), "{errors:#?}");
}
