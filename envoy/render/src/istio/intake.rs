//! The listener that keys are pushed to, on loopback of the gateway.

use serde_json::json;

use super::mesh::Mesh;
use crate::node::{list, map, member};
use crate::resources::{Document, labels, resource};

/// Returns the listener and its route.
pub(super) fn listener(mesh: &Mesh) -> [Document; 2] {
    let name = name(mesh);
    let server = map([
        member(
            "port",
            json!({ "number": mesh.intake_port, "name": "http-intake", "protocol": "HTTP" }),
        ),
        member("bind", "127.0.0.1")
            .why("Nobody outside of the pod reaches it; and the filter takes only what proves the push key."),
        member("hosts", json!(["*"])),
    ]);
    let gateway = map([
        member("selector", labels(mesh.labels().unwrap_or_default())),
        member("servers", list([server])),
    ]);
    let route = map([
        member("hosts", json!(["*"])),
        member("gateways", json!([name])),
        member("http", json!([{ "directResponse": { "status": 404 } }]))
            .why("The filter answers everything itself; this is only reached if it does not."),
    ]);
    let of = |kind, spec| {
        let spec = member("spec", spec);
        resource("networking.istio.io/v1", kind, &name, &mesh.namespace, spec)
    };
    [
        Document {
            node: of("Gateway", gateway),
            head: "The listener that `registry-auth serve` pushes keys to.",
        },
        Document {
            node: of("VirtualService", route),
            head: "A listener without a route would not exist.",
        },
    ]
}

/// The name of the listener, and of its filter.
pub(super) fn name(mesh: &Mesh) -> String {
    format!("{}-intake", mesh.name)
}
