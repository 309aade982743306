//! `registry-auth render kubernetes`, as a program.

use serde_json::json;

use crate::shim::{Folder, command, output, text};

/// The options that have to be given.
const LEAST: [&str; 6] = [
    "--upstream",
    "http://registry:5000",
    "--image",
    "registry.example.com/registry-auth-envoy:1",
    "--registry-labels",
    "app=registry,tier=storage",
];

#[tokio::test]
async fn manifests_are_written_and_assumptions_said() {
    let good = json!({ "http": {
        "auth": { "bearer": { "oidc": [{ "issuer": "https://issuer.example.com", "audiences": ["r"] }] } },
        "accessControl": { "repositories": { "**": { "defaultPolicy": ["read"] } } }
    } });
    let bad = json!({ "http": { "accesControl": {} } });
    let without_upstream = LEAST.get(2..).unwrap();
    let rows: [(_, &[&str], &[&str], i32, &str); 5] = [
        (&good, &LEAST, &[], 0, "assumed: the network plugin"),
        (
            &good,
            &LEAST,
            &["--token"],
            0,
            "assumed: the network plugin",
        ),
        (
            &good,
            without_upstream,
            &[],
            2,
            "error: --upstream: must be given",
        ),
        (
            &good,
            &LEAST,
            &["--client-ca-key", "ca.crt"],
            2,
            "error: --client-ca-key: is a key",
        ),
        (&bad, &LEAST, &[], 1, "error: http.accesControl: "),
    ];
    let folder = Folder::new().unwrap();
    for (document, least, more, status, line) in rows {
        let file = folder.write("zot.json", &document.to_string()).unwrap();
        let start = ["render", "kubernetes", "--config", text(&file).unwrap()];
        let arguments = [&start, least, more].concat();
        let output = output(command(&arguments)).await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{more:?}: {said}");
        assert!(
            said.lines().any(|said| said.starts_with(line)),
            "{line}: {said}"
        );
        let manifests = String::from_utf8(output.stdout).unwrap();
        let objects = manifests.matches("apiVersion:").count();
        assert_eq!(objects, if status == 0 { 8 } else { 0 }, "{more:?}");
        let has_token = manifests.contains("serviceAccountToken");
        assert_eq!(has_token, more.contains(&"--token"));
        assert_eq!(manifests.contains("tier: storage"), status == 0);
    }
}
