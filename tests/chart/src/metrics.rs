//! Queries of dashboard and alerts name metrics that exist.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::programs::text;

/// Metrics of `registry-auth run`, which has no page with all of them.
const RUN: [&str; 2] = [
    "registry_auth_run_configurations_total",
    "registry_auth_run_envoy_starts_total",
];

/// Returns the words of a text that are names of metrics, without regular expressions.
fn names(text: &str) -> BTreeSet<&str> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = text
        .split(|letter| !is_part(letter))
        .filter(|word| word.starts_with("registry_auth_"));
    // `registry_auth_keys_.+_stale`
    words.filter(|word| !word.ends_with('_')).collect()
}

fn known() -> BTreeSet<String> {
    let page = text("docs/metrics.md");
    let cells = page.lines().filter(|line| line.starts_with("| `"));
    let mut known = BTreeSet::new();
    for line in cells {
        let first = line.split('|').nth(1).unwrap_or_default();
        for name in first.split('`').skip(1).step_by(2) {
            let name = name.trim_start_matches("registry_auth.").replace('.', "_");
            known.insert(format!("registry_auth_{name}"));
        }
    }
    let shim = text("host-shim/README.md");
    let table = shim
        .split("`registry_auth_shim_...`")
        .nth(1)
        .expect("the metrics of the shim");
    for line in table.lines().take_while(|line| !line.is_empty()) {
        let first = line.split('|').nth(1).unwrap_or_default();
        for name in first.split('`').skip(1).step_by(2) {
            known.insert(format!("registry_auth_shim_{name}"));
        }
    }
    known.extend(RUN.map(str::to_owned));
    known
}

#[test]
fn queries_name_metrics_of_the_pages() {
    let known = known();
    assert!(known.len() > 40, "{known:?}");
    let rules = text("envoy/helm/registry-auth/rules.yaml");
    let expressions: Vec<&str> = rules
        .lines()
        .filter(|line| line.contains("expr:"))
        .collect();
    let dashboard = text("envoy/helm/registry-auth/dashboards/registry-auth.json");
    let dashboard: Value = serde_json::from_str(&dashboard).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let queries: Vec<&str> = targets
        .map(|target| target["expr"].as_str().expect("a query"))
        .collect();
    let all = [expressions, queries].concat().join("\n");
    let used = names(&all);
    for name in &used {
        assert!(known.contains(*name), "{name} is no metric");
    }
    let reasons = text("docs/metrics.md");
    let reasons = reasons.split("## Metrics").next().unwrap_or_default();
    for line in reasons.lines().filter(|line| line.starts_with("| `")) {
        let reason = line.split('`').nth(1).unwrap_or_default();
        let name = format!("registry_auth_{reason}");
        assert!(used.contains(name.as_str()), "no query shows {name}");
    }
}
