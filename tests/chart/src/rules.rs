//! The alerts, by promtool: each fires for what it is about.

use std::fs;

use crate::programs::{path, succeed, tool};

#[test]
fn alerts_fire_for_what_they_are_about() {
    let folder = tempfile::tempdir().expect("a folder");
    for (from, to) in [
        ("envoy/helm/registry-auth/rules.yaml", "rules.yaml"),
        ("tests/chart/rules/alerts.yaml", "alerts.yaml"),
    ] {
        fs::copy(path(from), folder.path().join(to)).expect("a copy");
    }
    for arguments in [["check", "rules.yaml"], ["test", "alerts.yaml"]] {
        let [verb, file] = arguments;
        let verbs: &[&str] = if verb == "check" {
            &["check", "rules"]
        } else {
            &["test", "rules"]
        };
        succeed(
            tool("bin/promtool")
                .current_dir(folder.path())
                .args(verbs)
                .arg(file),
        );
    }
}
