//! Manifests of Kubernetes: the same objects as those of the Helm chart for the same input.

use std::collections::BTreeMap;
use std::fs;

use registry_auth_render::kubernetes::{self, Settings};
use registry_auth_render::{Options, Upstream};
use serde_json::{Value, json};

use crate::sample::{files, issuers, repository, yaml};

fn good() -> Value {
    issuers(json!([{ "issuer": "https://issuer.example.com", "audiences": ["registry"] }]))
}

fn upstream(url: &str) -> Upstream {
    Upstream {
        url: url.to_owned(),
        ..Upstream::default()
    }
}

fn options(upstream: Upstream) -> Options {
    Options {
        upstream: Some(upstream),
        ..Options::default()
    }
}

/// Returns objects by kind and name, without the labels that say who manages them, and with the
/// texts of JSON read.
fn objects(text: &str, instance: &str) -> BTreeMap<String, Value> {
    let documents = text
        .split("---\n")
        .filter(|text| text.contains("apiVersion:"));
    documents
        .map(|text| {
            let mut object = yaml(text);
            for pointer in ["/metadata/labels", "/spec/template/metadata/labels"] {
                if let Some(labels) = object.pointer_mut(pointer).and_then(Value::as_object_mut) {
                    labels.remove("helm.sh/chart");
                    labels.remove("app.kubernetes.io/managed-by");
                }
            }
            if let Some(data) = object.pointer_mut("/data/registry.json") {
                *data = serde_json::from_str(data.as_str().unwrap()).unwrap();
            }
            let text = object.to_string();
            let of = format!("\"app.kubernetes.io/instance\":\"{instance}\"");
            let object = text.replace(&of, "\"app.kubernetes.io/instance\":\"it\"");
            let object: Value = serde_json::from_str(&object).unwrap();
            let name = format!("{} {}", object["kind"], object["metadata"]["name"]);
            (name, object)
        })
        .collect()
}

#[test]
fn objects_are_those_of_the_chart() {
    let chart = fs::read_to_string(repository().join("tests/chart/golden/plain.yaml")).unwrap();
    let values = fs::read_to_string(repository().join("tests/chart/values/plain.yaml")).unwrap();
    let settings = Settings {
        image: "registry.example.com/registry-auth-envoy:0.1.0".to_owned(),
        tls_secret: Some("registry-tls".to_owned()),
        client_ca_key: Some("ca.crt".to_owned()),
        authorization_secret: Some("registry-password".to_owned()),
        token: true,
        ..Settings::default()
    };
    let options = options(Upstream {
        rewrite_host: true,
        authorization: true,
        ..upstream("http://registry.registry.svc.cluster.local:5000")
    });
    let document = yaml(&values)["config"].clone();
    let rendered = kubernetes::render(&document, &options, &settings, &files()).unwrap();
    let found = objects(&rendered.yaml, "registry-auth");
    let expected = objects(&chart, "registry");
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>()
    );
    assert_eq!(found.len(), 8);
    for (name, object) in &found {
        let wanted = &expected[name];
        assert_eq!(object, wanted, "{name}");
    }
    let again = kubernetes::render(&document, &options, &settings, &files()).unwrap();
    assert_eq!(rendered, again);
}

#[test]
fn what_does_not_fit_is_an_error() {
    let with = |change: &dyn Fn(&mut Settings)| {
        let mut settings = Settings::default();
        change(&mut settings);
        settings
    };
    let plain = || options(upstream("http://registry:5000"));
    let authority = Upstream {
        certificate_authority: Some("/ca.pem".to_owned()),
        ..upstream("https://registry:5000")
    };
    let authorized = Upstream {
        authorization: true,
        ..upstream("http://registry:5000")
    };
    let rows = [
        (
            Options::default(),
            Settings::default(),
            "--upstream: must be given",
        ),
        (
            options(upstream("unix:/x")),
            Settings::default(),
            "--upstream: a socket is not reached",
        ),
        (
            options(authority),
            Settings::default(),
            "--upstream-ca, --upstream-cert: files of this host",
        ),
        (
            options(authorized),
            Settings::default(),
            "--upstream-authorization: goes with",
        ),
        (
            plain(),
            with(&|settings| settings.authorization_secret = Some("x".to_owned())),
            "--upstream-authorization: goes with",
        ),
        (
            plain(),
            with(&|settings| settings.client_ca_key = Some("ca.crt".to_owned())),
            "--client-ca-key: is a key",
        ),
        (
            plain(),
            with(&|settings| settings.registry_labels.clear()),
            "--registry-labels: must name",
        ),
    ];
    for (options, settings, message) in rows {
        let errors = kubernetes::render(&good(), &options, &settings, &files()).unwrap_err();
        let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert!(
            errors.iter().any(|error| error.starts_with(message)),
            "{message}: {errors:?}"
        );
    }
    let wrong = json!({"http": {"accesControl": {}}});
    assert!(kubernetes::render(&wrong, &plain(), &Settings::default(), &files()).is_err());
}

#[test]
fn what_is_assumed_is_said() {
    let mut document = good();
    document["http"]["port"] = json!(5000);
    let options = options(upstream("http://registry:5000"));
    let rendered = kubernetes::render(&document, &options, &Settings::default(), &files()).unwrap();
    for line in [
        "http.port: not used",
        "the network plugin",
        "tokens come in clear text",
        "@sha256",
    ] {
        let found = rendered
            .assumptions
            .iter()
            .any(|assumed| assumed.contains(line));
        assert!(found, "{line}: {:?}", rendered.assumptions);
    }
}

#[test]
fn nothing_that_only_zot_reads_and_no_file_of_this_host_is_in_the_manifests() {
    let mut document = issuers(json!([
        { "issuer": "https://issuer.example.com", "audiences": ["registry"] }
    ]));
    document["storage"] = json!({ "storageDriver": { "secretkey": "h1dd3n" } });
    document["extensions"] = json!({ "sync": { "credentialsFile": "h1dd3n" } });
    document["http"]["auth"]["ldap"] = json!({ "bindPassword": "h1dd3n" });
    document["http"]["auth"]["openid"] = json!({ "clientsecret": "h1dd3n" });
    document["http"]["auth"]["bearer"]["cert"] = json!("/etc/zot/auth.crt");
    document["http"]["auth"]["bearer"]["service"] = json!("a\u{2028}---\u{2029}b");
    let plain = options(upstream("http://registry:5000"));
    let rendered = kubernetes::render(&document, &plain, &Settings::default(), &files()).unwrap();
    assert!(!rendered.yaml.contains("h1dd3n"), "{}", rendered.yaml);
    assert!(!rendered.yaml.contains("auth.crt"), "{}", rendered.yaml);
    assert!(
        rendered.yaml.contains("BEGIN CERTIFICATE"),
        "{}",
        rendered.yaml
    );
    assert!(!rendered.yaml.contains(['\u{2028}', '\u{2029}']));
    assert!(rendered.yaml.contains("a\\u2028---\\u2029b"));
    assert!(!rendered.warnings.is_empty(), "what is left out is named");
}

/// Each row: the entry of an issuer, and the error.
#[test]
fn files_that_are_not_in_the_container_are_errors() {
    let rows = [
        (
            json!({ "issuer": "https://kubernetes.default.svc", "audiences": ["registry"] }),
            "--token: must be given",
        ),
        (
            json!({ "issuer": "https://a.example", "audiences": ["registry"], "tokenFile": "/home/me/token" }),
            "http.auth.bearer.oidc[0].tokenFile: is a file that is not in the container",
        ),
        (
            json!({ "issuer": "https://a.example", "audiences": ["registry"], "certificateAuthorityFile": "/etc/zot/k8s-ca.pem" }),
            "http.auth.bearer.oidc[0].certificateAuthorityFile: is a file",
        ),
    ];
    let plain = options(upstream("http://registry:5000"));
    for (entry, message) in rows {
        let document = issuers(json!([entry]));
        let errors = kubernetes::render(&document, &plain, &Settings::default(), &files());
        let errors: Vec<String> = errors
            .unwrap_err()
            .iter()
            .map(ToString::to_string)
            .collect();
        assert!(
            errors.iter().any(|error| error.starts_with(message)),
            "{message}: {errors:?}"
        );
    }
    let mut mtls = good();
    mtls["http"]["auth"]["mtls"] = json!({});
    let errors = kubernetes::render(&mtls, &plain, &Settings::default(), &files()).unwrap_err();
    assert_eq!(errors[0].path, "--client-ca-key");
}
