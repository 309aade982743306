//! What `registry-auth serve` needs next to the gateway.

use super::mesh::Mesh;
use crate::completed::Completed;
use crate::node::{map, member};
use crate::resources::{Document, resource};

/// The configuration that `registry-auth serve` reads: the same that the filter has.
pub(super) fn configuration(completed: &Completed, mesh: &Mesh) -> Document {
    let data = map([member("registry.json", completed.filter_text() + "\n")]);
    Document {
        node: resource(
            "v1",
            "ConfigMap",
            &mesh.name,
            &mesh.namespace,
            member("data", data),
        ),
        head: "What `registry-auth serve` reads, a second container of the gateway: the configuration of the filter.",
    }
}

/// Returns what the operator has to do.
pub(super) fn to_do(mesh: &Mesh) -> String {
    format!(
        "a container of the gateway's pod runs `registry-auth serve --config /etc/registry-auth/registry.json --envoy http://127.0.0.1:{}`, with the ConfigMap `{}` at /etc/registry-auth and the same environment variables",
        mesh.intake_port, mesh.name
    )
}
