//! The configuration of the kubelet's credential provider.

use registry_auth_render::kubelet::{Settings, render};
use serde_json::{Value, json};

use crate::sample::yaml;

fn settings(registries: &[&str]) -> Settings {
    Settings {
        name: "registry-auth".to_owned(),
        registries: registries
            .iter()
            .map(|&registry| registry.to_owned())
            .collect(),
        audience: None,
        username: None,
        every_account: false,
    }
}

#[test]
fn the_files_are_what_kubelet_and_api_server_read() {
    let rendered = render(&settings(&["registry.example.com"])).unwrap();
    let expected = json!({
        "apiVersion": "kubelet.config.k8s.io/v1",
        "kind": "CredentialProviderConfig",
        "providers": [{
            "name": "registry-auth",
            "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
            "matchImages": ["registry.example.com"],
            "defaultCacheDuration": "0s",
            "args": ["kubelet-credential-provider", "--audience", "registry.example.com"],
            "tokenAttributes": {
                "serviceAccountTokenAudience": "registry.example.com",
                "cacheType": "Token",
                "requireServiceAccount": true,
                "requiredServiceAccountAnnotationKeys": ["registry-auth.dev/pull"],
                "optionalServiceAccountAnnotationKeys": ["registry-auth.dev/username"],
            },
        }],
    });
    assert_eq!(yaml(&rendered.provider), expected);
    let objects: Vec<Value> = rendered.rbac.split("---\n").map(yaml).collect();
    let [role, binding] = objects.as_slice() else {
        panic!("{objects:?}")
    };
    let rules = json!([{ "apiGroups": [""], "resources": ["registry.example.com"], "verbs": ["request-serviceaccounts-token-audience"] }]);
    assert_eq!(role["rules"], rules);
    assert_eq!(binding["roleRef"]["name"], role["metadata"]["name"]);
    assert_eq!(binding["subjects"][0]["name"], "system:nodes");
}

#[test]
fn what_is_said_is_in_the_configuration() {
    let settings = Settings {
        name: "pull".to_owned(),
        audience: Some("https://a".to_owned()),
        username: Some("node".to_owned()),
        every_account: true,
        ..settings(&["a.example.com", "*.b.example.com:8443/team"])
    };
    let rendered = render(&settings).unwrap();
    let provider = yaml(&rendered.provider)["providers"][0].clone();
    assert_eq!(provider["name"], "pull");
    assert_eq!(
        provider["matchImages"],
        json!(["a.example.com", "*.b.example.com:8443/team"])
    );
    assert_eq!(
        provider["args"],
        json!(["kubelet-credential-provider", "--audience", "https://a"])
    );
    assert_eq!(
        provider["env"],
        json!([{ "name": "REGISTRY_AUTH_USERNAME", "value": "node" }])
    );
    let attributes = &provider["tokenAttributes"];
    assert_eq!(attributes["serviceAccountTokenAudience"], "https://a");
    assert!(
        attributes
            .get("requiredServiceAccountAnnotationKeys")
            .is_none()
    );
    // The program has to see who opts out.
    assert_eq!(
        attributes["optionalServiceAccountAnnotationKeys"],
        json!(["registry-auth.dev/pull", "registry-auth.dev/username"])
    );
    assert!(rendered.rbac.contains("https://a"));
}

/// The rows: a change of good settings, and what is said about it.
#[test]
fn a_file_that_would_stop_the_kubelet_is_not_written() {
    type Change = fn(&mut Settings);
    let rows: [(Change, &str); 15] = [
        (
            |s| s.registries = vec!["*.example.com".to_owned()],
            "--audience: is needed where",
        ),
        (
            |s| s.registries.push("b.example.com".to_owned()),
            "--audience: is needed where",
        ),
        (
            |s| s.registries = vec!["a.example.com/team".to_owned()],
            "--audience: is needed where",
        ),
        (
            |s| s.registries = vec!["https://a.example.com".to_owned()],
            "--registry: has no scheme",
        ),
        (
            |s| s.registries = vec![String::new()],
            "--registry: begins with a host",
        ),
        (
            |s| s.registries = vec!["/team".to_owned()],
            "--registry: begins with a host",
        ),
        (
            |s| s.registries = vec!["a.example.com/*".to_owned()],
            "--registry: has `*` only in its host",
        ),
        (
            |s| s.registries = vec!["a.example.com/app:v1".to_owned()],
            "--registry: has no tag",
        ),
        (
            |s| s.name = "a/b".to_owned(),
            "--name: is the name of a file",
        ),
        (
            |s| s.name = "..".to_owned(),
            "--name: is the name of a file",
        ),
        (|s| s.name = String::new(), "--name: is the name of a file"),
        (
            |s| s.username = Some("<token>".to_owned()),
            "--username: is any name",
        ),
        (
            |s| s.username = Some("a:b".to_owned()),
            "--username: is any name",
        ),
        (
            |s| s.username = Some("a".repeat(256)),
            "--username: is any name of at most 255 bytes",
        ),
        (
            |s| s.username = Some("a\u{85}b".to_owned()),
            "--username: is any name",
        ),
    ];
    for (change, expected) in rows {
        let mut settings = settings(&["a.example.com"]);
        change(&mut settings);
        let errors = render(&settings).unwrap_err();
        let said: Vec<_> = errors.iter().map(ToString::to_string).collect();
        assert!(
            said.iter().any(|line| line.starts_with(expected)),
            "{expected}: {said:?}"
        );
    }
}
