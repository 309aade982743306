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
