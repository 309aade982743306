//! Who may connect to whom.

use serde_json::json;

use super::settings::Settings;
use super::{ADMIN_PORT, PORT, object};
use crate::node::{Node, list, map, member};
use crate::resources::{Document, labels};

const VERSION: &str = "networking.k8s.io/v1";
const KIND: &str = "NetworkPolicy";

/// Returns who may connect to the filter.
pub(super) fn of_filter(settings: &Settings) -> Document {
    let clients = map([member("ports", ports(PORT))]);
    let from = list([json!({"namespaceSelector": {}})]);
    let probes = map([member("ports", ports(ADMIN_PORT)), member("from", from)]);
    let spec = spec(settings.selector(), [clients, probes]);
    Document {
        node: object(settings, VERSION, KIND, "", [member("spec", spec)]),
        head: "Clients connect to the filter, probes and Prometheus to its second port.",
    }
}

/// Returns who may connect to the registry: the filter.
pub(super) fn of_registry(settings: &Settings, port: u16) -> Document {
    let peer = map([
        member(
            "namespaceSelector",
            json!({"matchLabels": {"kubernetes.io/metadata.name": settings.namespace}}),
        ),
        member(
            "podSelector",
            map([member("matchLabels", settings.selector())]),
        ),
    ]);
    let rule = map([member("from", list([peer])), member("ports", ports(port))]);
    let spec = spec(labels(&settings.registry_labels), [rule]);
    let place = Settings {
        namespace: settings
            .registry_namespace
            .clone()
            .unwrap_or_else(|| settings.namespace.clone()),
        ..settings.clone()
    };
    Document {
        node: object(&place, VERSION, KIND, "-registry", [member("spec", spec)]),
        head: "Nothing reaches the registry past the filter: its pods accept connections from the filter only, on any port.",
    }
}

fn spec<const N: usize>(pods: Node, rules: [Node; N]) -> Node {
    map([
        member("podSelector", map([member("matchLabels", pods)])),
        member("policyTypes", list(["Ingress"])),
        member("ingress", list(rules)),
    ])
}

fn ports(port: u16) -> Node {
    list([json!({"protocol": "TCP", "port": port})])
}
