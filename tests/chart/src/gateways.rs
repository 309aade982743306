//! The resources of Istio and Envoy Gateway are those that `registry-auth render` writes for the same
//! input.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::schemas::objects_of;

/// Returns what the objects ask for, by kind.
fn specs(file: &str) -> BTreeMap<String, Value> {
    let objects = objects_of(file);
    let specs = objects.iter().map(|object| {
        let kind = object["kind"].as_str().expect("a kind").to_owned();
        (kind, object["spec"].clone())
    });
    specs.collect()
}

#[test]
fn the_resources_are_those_that_are_rendered() {
    let rows = [
        ("istio", "tests/istio/rendered/issuer.yaml", 3),
        ("envoy-gateway", "tests/envoy-gateway/issuer.yaml", 2),
    ];
    for (mode, rendered, kinds) in rows {
        let chart = specs(&format!("tests/chart/golden/{mode}.yaml"));
        let rendered = specs(rendered);
        assert_eq!(chart.len(), kinds, "{mode}");
        assert_eq!(
            chart.keys().collect::<Vec<_>>(),
            rendered.keys().collect::<Vec<_>>(),
            "{mode}"
        );
        for (kind, spec) in &chart {
            assert_eq!(spec, &rendered[kind], "{mode} {kind}");
        }
    }
}
