//! What is filled in, row by row.

use registry_auth_render::{
    Certificate, Cluster, Completed, Endpoint, Options, PUSH_KEY, Trust, UPSTREAM_AUTHORIZATION,
    Upstream,
};
use serde_json::{Value, json};

use crate::sample::{fixture, good, issuers};

const CA: &str = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt";
const TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// An entry for an issuer, with members laid over.
pub(crate) fn entry(issuer: &str, members: &Value) -> Value {
    let mut entry = json!({ "issuer": issuer, "audiences": ["registry"],
        "claimMapping": { "username": "claims.iss + ' ' + claims.sub" } });
    for (name, value) in members.as_object().unwrap() {
        entry[name] = value.clone();
    }
    entry
}

pub(crate) fn complete(entries: Value) -> Completed {
    good(&issuers(entries), &Options::default())
}

/// Returns the members of an entry that say how its keys are fetched.
pub(crate) fn how(completed: &Completed, index: usize) -> Value {
    let mut entry = completed.filter["http"]["auth"]["bearer"]["oidc"][index].clone();
    let members = entry.as_object_mut().unwrap();
    members.retain(|name, _| !["issuer", "audiences", "claimMapping"].contains(&name.as_str()));
    entry
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn an_issuer_gets_a_cluster_or_is_pushed() {
    let kubernetes = "https://kubernetes.default.svc.cluster.local";
    let pem = fixture("certificates/issuer-ca.pem");
    // (issuer, what is written, what the filter gets, the cluster, whether keys are pushed)
    let rows = [
        (
            "https://a.example",
            json!({}),
            json!({ "cluster": "a.example" }),
            Some("a.example"),
        ),
        (
            "https://a.example:8443/x",
            json!({}),
            json!({ "cluster": "a.example_8443" }),
            Some("a.example_8443"),
        ),
        (
            "http://127.0.0.1:5556",
            json!({}),
            json!({ "cluster": "127.0.0.1_5556" }),
            Some("127.0.0.1_5556"),
        ),
        (
            "https://[::1]:1",
            json!({}),
            json!({ "cluster": "__1_1" }),
            Some("__1_1"),
        ),
        (
            "https://a.example",
            json!({ "cluster": "mine" }),
            json!({ "cluster": "mine" }),
            Some("mine"),
        ),
        (
            "https://a.example",
            json!({ "certificateAuthorityFile": "/etc/zot/k8s-ca.pem" }),
            json!({ "cluster": "a.example" }),
            Some("a.example"),
        ),
        (
            "https://a.example",
            json!({ "certificateAuthority": pem }),
            json!({ "cluster": "a.example", "certificateAuthority": pem }),
            Some("a.example"),
        ),
        (
            "https://a.example",
            json!({ "jwksUri": "https://keys.example/jwks" }),
            json!({ "jwksUri": "https://keys.example/jwks", "cluster": "keys.example" }),
            Some("keys.example"),
        ),
        (
            "https://a.example",
            json!({ "jwksUri": "https://keys.example/jwks", "jwksCluster": "k" }),
            json!({ "jwksUri": "https://keys.example/jwks", "jwksCluster": "k", "cluster": "k" }),
            Some("k"),
        ),
        (
            "robot@example",
            json!({ "jwksUri": "https://keys.example/jwks" }),
            json!({ "jwksUri": "https://keys.example/jwks", "cluster": "keys.example" }),
            Some("keys.example"),
        ),
        (
            "https://a.example",
            json!({ "tokenFile": "/token" }),
            json!({ "tokenFile": "/token", "keySource": "push" }),
            None,
        ),
        (
            "https://a.example",
            json!({ "KeySource": "push" }),
            json!({ "KeySource": "push" }),
            None,
        ),
        (
            kubernetes,
            json!({}),
            json!({ "keySource": "push", "certificateAuthorityFile": CA, "tokenFile": TOKEN }),
            None,
        ),
        (
            "https://kubernetes.default.svc",
            json!({}),
            json!({ "keySource": "push", "certificateAuthorityFile": CA, "tokenFile": TOKEN }),
            None,
        ),
        (
            kubernetes,
            json!({ "tokenFile": "", "certificateAuthority": pem }),
            json!({ "keySource": "push", "certificateAuthority": pem, "tokenFile": "" }),
            None,
        ),
        (
            kubernetes,
            json!({ "certificateAuthorityFile": "/etc/zot/k8s-ca.pem" }),
            json!({ "keySource": "push", "certificateAuthorityFile": "/etc/zot/k8s-ca.pem", "tokenFile": TOKEN }),
            None,
        ),
        // Not that server, not by TLS, or a proxy's cluster is written.
        (
            "https://kubernetes.default.svcs",
            json!({}),
            json!({ "cluster": "kubernetes.default.svcs" }),
            Some("kubernetes.default.svcs"),
        ),
        (
            "http://kubernetes.default.svc",
            json!({}),
            json!({ "cluster": "kubernetes.default.svc_80" }),
            Some("kubernetes.default.svc_80"),
        ),
        (
            kubernetes,
            json!({ "cluster": "k" }),
            json!({ "cluster": "k" }),
            Some("k"),
        ),
    ];
    for (issuer, written, expected, cluster) in rows {
        let completed = complete(json!([entry(issuer, &written)]));
        assert_eq!(how(&completed, 0), expected, "{issuer} {written}");
        let names: Vec<_> = completed
            .issuers
            .iter()
            .map(|cluster| cluster.name.as_str())
            .collect();
        assert_eq!(names, Vec::from_iter(cluster), "{issuer} {written}");
        assert_eq!(
            completed.intake.is_some(),
            cluster.is_none(),
            "{issuer} {written}"
        );
        let key = json!({ "env": PUSH_KEY });
        assert_eq!(
            completed.filter["proxy"].get("pushKey"),
            cluster.is_none().then_some(&key)
        );
        assert_eq!(
            completed.environment,
            Vec::from_iter(cluster.is_none().then_some(PUSH_KEY))
        );
    }
}

#[test]
fn a_single_issuer_that_is_no_list_is_completed_too() {
    let completed = complete(entry("https://a.example", &json!({})));
    let oidc = &completed.filter["http"]["auth"]["bearer"]["oidc"];
    assert_eq!(oidc["cluster"], "a.example");
}

#[test]
fn a_cluster_checks_the_name_and_the_authorities_of_its_server() {
    let (file, text) = ("/etc/zot/k8s-ca.pem", fixture("certificates/issuer-ca.pem"));
    let rows = [
        (json!({}), Trust::System),
        (
            json!({ "certificateAuthorityFile": file }),
            Trust::File(file.to_owned()),
        ),
        (
            json!({ "certificateAuthority": text }),
            Trust::Text(text.clone()),
        ),
    ];
    for (members, trust) in rows {
        let completed = complete(json!([entry("https://a.example/realm", &members)]));
        let cluster = &completed.issuers[0];
        assert_eq!(
            cluster.endpoint,
            Endpoint::Host("a.example".to_owned(), 443)
        );
        let tls = cluster.tls.as_ref().unwrap();
        assert_eq!(
            (tls.server.as_str(), &tls.trust),
            ("a.example", &trust),
            "{members}"
        );
    }
    let plain = complete(json!([entry("http://a.example", &json!({}))]));
    assert_eq!(plain.issuers[0].tls, None);
}

#[test]
fn one_server_has_one_cluster_and_two_servers_never_share_one() {
    let ca = json!({ "certificateAuthorityFile": "/etc/zot/k8s-ca.pem" });
    let completed = complete(json!([
        entry("https://a.example", &json!({})),
        entry("https://a.example/other", &json!({})),
        entry("https://a.example/with-ca", &ca),
        entry("https://registry/", &json!({})),
    ]));
    let names: Vec<_> = completed
        .issuers
        .iter()
        .map(|cluster| &cluster.name)
        .collect();
    // The registry's own cluster has the name already.
    assert_eq!(names, ["a.example", "a.example-2", "registry-2"]);
    assert_eq!(how(&completed, 1), json!({ "cluster": "a.example" }));
    assert_eq!(how(&completed, 2), json!({ "cluster": "a.example-2" }));
}

/// The rows: `proxy.upstream`, the option, and the host of the registry.
#[test]
fn the_registry_may_be_in_the_document_and_an_option_has_precedence() {
    let rows = [
        (Some("http://zot.internal"), None, "zot.internal"),
        (Some("http://zot.internal"), Some("http://other"), "other"),
        (None, None, "127.0.0.1"),
    ];
    for (written, option, host) in rows {
        let mut document = issuers(json!([entry("https://a.example", &json!({}))]));
        if let Some(written) = written {
            document["proxy"] = json!({ "upstream": written });
        }
        let options = Options {
            upstream: option.map(|url| Upstream {
                url: url.to_owned(),
                ..Upstream::default()
            }),
            ..Options::default()
        };
        let completed = good(&document, &options);
        let Endpoint::Host(found, _) = &completed.upstream.endpoint else {
            panic!("{:?}", completed.upstream);
        };
        assert_eq!(found, host);
        // The filter does not read it, and is not given it.
        assert_eq!(completed.filter["proxy"].get("upstream"), None);
        let is_assumed = |line: &String| line.starts_with("the registry is at");
        let is_said = written.is_some() || option.is_some();
        assert_eq!(completed.assumptions.iter().any(is_assumed), !is_said);
    }
}

#[test]
fn the_registry_is_where_the_options_say() {
    let certificate = || Certificate {
        chain: "/c.pem".to_owned(),
        key: "/c.key".to_owned(),
    };
    let said = |url: &str| Upstream {
        url: url.to_owned(),
        ..Upstream::default()
    };
    // (options, endpoint, whether TLS, upstreamHost)
    let rows = [
        (
            None,
            Endpoint::Host("127.0.0.1".to_owned(), 5000),
            None,
            json!("127.0.0.1:5000"),
        ),
        (
            Some(said("http://zot.internal")),
            Endpoint::Host("zot.internal".to_owned(), 80),
            None,
            json!("zot.internal"),
        ),
        (
            Some(said("https://zot.internal:8443/")),
            Endpoint::Host("zot.internal".to_owned(), 8443),
            Some((Trust::System, None)),
            json!("zot.internal:8443"),
        ),
        (
            Some(Upstream {
                certificate_authority: Some("/ca.pem".to_owned()),
                certificate: Some(certificate()),
                ..said("https://zot.internal")
            }),
            Endpoint::Host("zot.internal".to_owned(), 443),
            Some((Trust::File("/ca.pem".to_owned()), Some(certificate()))),
            json!("zot.internal"),
        ),
        (
            Some(said("unix:/run/zot.sock")),
            Endpoint::Unix("/run/zot.sock".to_owned()),
            None,
            Value::Null,
        ),
    ];
    for (upstream, endpoint, tls, host) in rows {
        let options = Options {
            upstream: upstream.clone(),
            ..Options::default()
        };
        let completed = good(
            &issuers(json!([entry("https://a.example", &json!({}))])),
            &options,
        );
        let cluster: &Cluster = &completed.upstream;
        assert_eq!(
            (cluster.name.as_str(), &cluster.endpoint),
            ("registry", &endpoint)
        );
        let shown = cluster
            .tls
            .as_ref()
            .map(|tls| (tls.trust.clone(), tls.certificate.clone()));
        assert_eq!(shown, tls, "{upstream:?}");
        let proxy = &completed.filter["proxy"];
        assert_eq!(
            (&proxy["upstreamCluster"], &proxy["upstreamHost"]),
            (&json!("registry"), &host)
        );
        let assumed = completed
            .assumptions
            .iter()
            .any(|line| line.starts_with("the registry is at "));
        assert_eq!(assumed, upstream.is_none());
    }
}

#[test]
fn a_credential_and_the_host_for_the_registry_are_asked_for() {
    let upstream = Upstream {
        authorization: true,
        rewrite_host: true,
        ..Upstream {
            url: "https://ghcr.example".to_owned(),
            ..Upstream::default()
        }
    };
    let options = Options {
        upstream: Some(upstream),
        ..Options::default()
    };
    let completed = good(
        &issuers(json!([entry("https://a.example", &json!({}))])),
        &options,
    );
    assert_eq!(completed.rewrite_host.as_deref(), Some("ghcr.example"));
    assert_eq!(completed.environment, [UPSTREAM_AUTHORIZATION]);
    let authorization = json!({ "env": UPSTREAM_AUTHORIZATION });
    assert_eq!(
        completed.filter["proxy"]["upstreamAuthorization"],
        authorization
    );
}

#[test]
fn what_proxy_says_is_kept() {
    let proxy = json!({
        "upstreamCluster": "zot", "upstreamHost": "zot.test", "pushKey": { "env": "MY_KEY" },
        "upstreamAuthorization": { "env": "MY_CREDENTIAL" }, "readRequestBodies": false,
        "identityHeader": "x-user", "mounts": true, "clientAddress": "proxy", "oidcCluster": "issuers",
    });
    let mut document = issuers(json!([entry("https://a.example", &json!({}))]));
    document["proxy"] = proxy.clone();
    let completed = good(&document, &Options::default());
    assert_eq!(completed.filter["proxy"], proxy);
    assert_eq!(completed.upstream.name, "zot");
    assert_eq!(completed.issuers[0].name, "issuers");
    assert_eq!(completed.environment, ["MY_KEY", "MY_CREDENTIAL"]);
    assert_eq!(how(&completed, 0), json!({}));
}
