//! What the chart makes of each file of values is what is kept; `REGISTRY_AUTH_RENEW=1` writes it.

use std::{env, fs};

use crate::programs::{path, samples, succeed, template, text, tool};

#[test]
fn the_manifests_are_those_that_are_kept() {
    let mut kept = Vec::new();
    for sample in samples() {
        let name = format!("tests/chart/golden/{sample}.yaml");
        let manifests = succeed(&mut template(&sample, &[]));
        if env::var_os("REGISTRY_AUTH_RENEW").is_some() {
            fs::write(path(&name), &manifests).expect("the manifests can be written");
        }
        assert!(
            text(&name) == manifests,
            "{name} differs from what the chart gives: REGISTRY_AUTH_RENEW=1 writes it, and git diff says what changed"
        );
        kept.push(format!("{sample}.yaml"));
    }
    let folder = fs::read_dir(path("tests/chart/golden")).expect("the kept manifests");
    for entry in folder {
        let name = entry.expect("an entry").file_name();
        let name = name.to_string_lossy();
        assert!(
            kept.iter().any(|kept| *kept == name),
            "{name} has no values"
        );
    }
}

#[test]
fn helm_finds_nothing_wrong() {
    for sample in samples() {
        let mut command = tool("bin/helm");
        command.args(["lint", "--strict", "--kube-version=1.34"]);
        command.arg(path("envoy/helm/registry-auth"));
        command.arg("--values");
        succeed(command.arg(path(&format!("tests/chart/values/{sample}.yaml"))));
    }
}

/// What the chart says of its version is that of the release.
#[test]
fn the_versions_are_those_of_the_workspace() {
    let chart = text("envoy/helm/registry-auth/Chart.yaml");
    let version = env!("CARGO_PKG_VERSION");
    for line in [
        format!("version: {version}"),
        format!("appVersion: \"{version}\""),
    ] {
        assert!(chart.lines().any(|found| found == line), "{line}");
    }
}
