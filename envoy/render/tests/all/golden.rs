//! Files as they are written, compared with those in `testdata`. `REGISTRY_AUTH_RENEW=1 cargo test -p
//! registry-auth-render` writes them.

use std::fs;
use std::path::{Path, PathBuf};

use registry_auth_render::envoy::{self, Place};
use registry_auth_render::{Certificate, Options, Upstream};
use serde_json::{Value, json};

use crate::sample::{document, good, issuers};

fn testdata() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata")
}

fn compare(name: &str, text: &str) {
    let path = testdata().join(name);
    if std::env::var_os("REGISTRY_AUTH_RENEW").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == text,
        "{} differs; if that is meant, `REGISTRY_AUTH_RENEW=1 cargo test -p registry-auth-render` updates it\n{text}",
        path.display()
    );
}

/// Everything that a document can have.
fn everything() -> (Value, Options) {
    let mut document = issuers(json!([
        { "issuer": "https://token.actions.githubusercontent.com", "audiences": ["registry"],
          "claimMapping": { "username": "claims.sub" } },
        { "issuer": "https://10.0.0.1:6443", "audiences": ["registry"],
          "certificateAuthorityFile": "/etc/zot/k8s-ca.pem", "claimMapping": { "username": "'k/' + claims.sub" } },
        { "issuer": "https://kubernetes.default.svc.cluster.local", "audiences": ["registry"],
          "claimMapping": { "username": "'p/' + claims.sub" } },
    ]));
    document["http"]["address"] = json!("0.0.0.0");
    document["http"]["port"] = json!("8443");
    document["http"]["tls"] = document_tls();
    document["http"]["auth"]["mtls"] = json!({ "identityAttributes": ["URI"] });
    let upstream = Upstream {
        url: "https://zot.internal:5000".to_owned(),
        certificate_authority: Some("/etc/registry/ca.pem".to_owned()),
        certificate: Some(Certificate {
            chain: "/etc/registry/client.pem".to_owned(),
            key: "/etc/registry/client.key".to_owned(),
        }),
        authorization: true,
        rewrite_host: true,
    };
    let options = Options {
        upstream: Some(upstream),
        ..Options::default()
    };
    (document, options)
}

fn document_tls() -> Value {
    document("article-mtls")["http"]["tls"].clone()
}

#[test]
fn one_file_for_a_simple_document() {
    let completed = good(&document("oidc-validations"), &Options::default());
    compare(
        "oidc-validations.yaml",
        &envoy::bootstrap(&completed, &Place::default()),
    );
}

#[test]
fn one_file_and_a_folder_with_everything() {
    let (document, options) = everything();
    let completed = good(&document, &options);
    compare(
        "everything.yaml",
        &envoy::bootstrap(&completed, &Place::default()),
    );
    let files = envoy::directory(&completed, &Place::default());
    for (name, text) in &files {
        compare(&format!("everything/{name}"), text);
    }
    let mut kept: Vec<_> = fs::read_dir(testdata().join("everything"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    kept.sort();
    assert_eq!(kept, files.keys().cloned().collect::<Vec<_>>());
    compare(
        "everything.assumptions.txt",
        &(completed.assumptions.join("\n") + "\n"),
    );
}

/// The file that is shipped makes the labels that are rendered, and the page for operators of Istio
/// has them too.
#[test]
fn labels_of_metrics_are_the_same_everywhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = |name| fs::read_to_string(root.join(name)).unwrap();
    let (shipped, page) = (text("envoy/envoy.yaml"), text("docs/metrics.md"));
    let tags = envoy::stats_tags();
    let tags = tags.as_array().unwrap();
    assert_eq!(shipped.matches("tag_name: ").count(), tags.len());
    let member = |tag: &Value, name: &str| tag[name].as_str().unwrap().to_owned();
    for tag in tags {
        let (name, regex) = (member(tag, "tag_name"), member(tag, "regex"));
        let line = format!("  - {{ tag_name: {name}, regex: '{regex}' }}\n");
        assert!(shipped.contains(&line), "{line}");
        assert!(page.contains(&format!("`{name}`")), "{name}");
    }
    let names: Vec<_> = tags.iter().map(|tag| member(tag, "tag_name")).collect();
    let (_, labels) = names.split_last().unwrap();
    let line = format!("extraStatTags: [{}]", labels.join(", "));
    for page in [page, text("docs/istio.md")] {
        assert!(page.contains(&line), "{line}");
    }
}
