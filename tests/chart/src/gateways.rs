//! The resources of Istio are those that `registry-auth render istio` writes for the same input.

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
fn the_resources_of_istio_are_those_that_are_rendered() {
    let chart = specs("tests/chart/golden/istio.yaml");
    let rendered = specs("tests/istio/rendered/issuer.yaml");
    assert_eq!(chart.len(), 3);
    assert_eq!(
        chart.keys().collect::<Vec<_>>(),
        rendered.keys().collect::<Vec<_>>()
    );
    for (kind, spec) in &chart {
        assert_eq!(spec, &rendered[kind], "{kind}");
    }
}
