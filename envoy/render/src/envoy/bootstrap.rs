//! The files as wholes.

use serde_json::{Value, json};

use super::place::Place;
use super::stats;
use super::wasm::config_source;
use super::{CLUSTERS, LISTENERS};
use crate::node::{Node, list, map, member, typed};

/// What the first file says of itself.
pub(super) const HEAD: &str = "Envoy in front of a registry, with registry-auth deciding every request. Made by `registry-auth render envoy`.

Nothing here fails open: Envoy does not start, or answers 5xx, when the module or its configuration cannot be loaded; a module that failed answers 5xx until it is loaded again, and only a grant lets a request reach the registry. There is no secret in it: keys and credentials are in the environment and in named files.";
pub(super) const HEAD_LISTENERS: &str =
    "Listeners (LDS). Envoy reads this file again when another is renamed to it.";
pub(super) const HEAD_CLUSTERS: &str = "Clusters (CDS): the registry, and the servers of the issuers. Envoy reads this file again when another is renamed to it.";
pub(super) const HEAD_FILTER: &str = "The filter with its policy (ECDS). Envoy reads this file again when another is renamed to it; a policy that is refused leaves the old one active.";
pub(super) const HEAD_CLOSED: &str = "Nothing passes while other files are replaced (ECDS).";
pub(super) const HEAD_INTAKE: &str = "The filter of the listener that keys are pushed to (ECDS).";
pub(super) const HEAD_SECRET: &str = "The paths of a certificate or of authorities (SDS). Envoy reads those files again when a file in their folder is renamed.";

/// One file with everything.
pub(super) fn of_one_file(listeners: Vec<Node>, clusters: Vec<Node>, place: &Place) -> Node {
    base(place).and(member(
        "static_resources",
        map([
            member("listeners", Node::List(listeners)),
            member("clusters", Node::List(clusters)),
        ]),
    ))
}

/// The file that names the others.
pub(super) fn of_folder(place: &Place) -> Node {
    base(place).and(member(
        "dynamic_resources",
        map([
            member("lds_config", config_source(&place.file(LISTENERS))),
            member("cds_config", config_source(&place.file(CLUSTERS))),
        ]),
    ))
}

/// A file of resources of one type.
pub(super) fn resources(kind: &str, resources: Vec<Node>) -> Node {
    let typed = resources.into_iter().map(|resource| match resource {
        Node::Map(members) => typed(kind, members),
        other => other,
    });
    map([member("resources", list(typed))])
}

fn base(place: &Place) -> Node {
    let admin = json!({ "pipe": { "path": place.admin(), "mode": 0o600 } });
    map([
        member("node", json!({ "id": "registry-auth", "cluster": "registry-auth" })),
        member(
            "admin",
            map([member("address", admin)
                .why("Whoever reaches the admin interface can stop Envoy and read its configuration: only its own user (384 is 0600).")]),
        ),
        member(
            "overload_manager",
            map([member("resource_monitors", list([connections()]))]),
        ),
        member("memory_allocator_manager", released()).why(
            "Compiling the module leaves some 20 MiB of free memory behind, which Envoy would keep: it gives 1 MiB a second back.",
        ),
        stats::config(),
    ])
}

/// What Envoy gives back of the memory that it does not use; both members are in Envoy 1.36 and newer.
fn released() -> Value {
    json!({ "bytes_to_release": 1_048_576, "memory_release_interval": "1s" })
}

fn connections() -> Value {
    json!({
        "name": "envoy.resource_monitors.global_downstream_max_connections",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
            "max_active_downstream_connections": 10000,
        },
    })
}
