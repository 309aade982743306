//! Queries of dashboard and alerts name metrics that exist.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::programs::text;

/// Metrics of `registry-auth run`, which has no page with all of them.
const RUN: [&str; 2] = [
    "registry_auth_run_configurations_total",
    "registry_auth_run_envoy_starts_total",
];

/// Returns the words of a text that are names of metrics.
fn names(text: &str) -> BTreeSet<&str> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let words = text
        .split(|letter| !is_part(letter))
        .filter(|word| word.starts_with("registry_auth_"));
    words.collect()
}

fn known() -> BTreeSet<String> {
    let page = text("docs/metrics.md");
    let cells = page.lines().filter(|line| line.starts_with("| `"));
    let mut known = BTreeSet::new();
    for line in cells {
        let first = line.split('|').nth(1).unwrap_or_default();
        known.extend(names(first).into_iter().map(str::to_owned));
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
    assert!(known.len() > 30, "{known:?}");
    let rules = text("envoy/observability/alerts.yaml");
    let dashboard = text("envoy/observability/dashboard.json");
    let dashboard: Value = serde_json::from_str(&dashboard).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().expect("targets"));
    let queries: Vec<&str> = targets
        .map(|target| target["expr"].as_str().expect("a query"))
        .collect();
    let all = [rules, queries.join("\n")].join("\n");
    for name in names(&all) {
        assert!(known.contains(name), "{name} is no metric");
    }
}
