//! The clusters: the registry, the login service, and the servers of the issuers.

use serde_json::json;

use super::place::Place;
use super::secrets::Secrets;
use super::tls;
use crate::cluster::{Cluster, Endpoint};
use crate::completed::Completed;
use crate::node::{Node, map, member};

/// Requests of browsers that the login service gets at a time: more than it has places for them, so
/// that it refuses the others itself, and none waits for a connection.
const MAX_VISITS: u32 = 320;

/// Returns the clusters, the registry first.
pub(super) fn all(completed: &Completed, place: &Place, secrets: Secrets) -> Vec<Node> {
    let registry = cluster(&completed.upstream, "5s", place, secrets)
        .and(member("per_connection_buffer_limit_bytes", 1_048_576u32));
    let issuers = completed
        .issuers
        .iter()
        .map(|issuer| cluster(issuer, "2s", place, secrets));
    // On this host, and asked for each password that is not known yet.
    let login = completed
        .login
        .iter()
        .map(|login| cluster(login, "1s", place, secrets));
    let pages = completed.pages().map(|pages| {
        cluster(&pages, "1s", place, secrets).and(
            member("circuit_breakers", json!({ "thresholds": [{
                "max_connections": MAX_VISITS,
                "max_pending_requests": MAX_VISITS,
                "max_requests": MAX_VISITS,
            }] })).why(
                "The service of `registry_auth_login`, for browsers: however many come, and however slowly they send, what passwords need stays free.",
            ),
        )
    });
    std::iter::once(registry)
        .chain(login)
        .chain(pages)
        .chain(issuers)
        .collect()
}

fn cluster(cluster: &Cluster, connect: &str, place: &Place, secrets: Secrets) -> Node {
    let (kind, address) = match &cluster.endpoint {
        Endpoint::Host(host, port) => (
            "STRICT_DNS",
            json!({ "socket_address": { "address": host, "port_value": port } }),
        ),
        Endpoint::Unix(path) => ("STATIC", json!({ "pipe": { "path": path } })),
    };
    let endpoints = json!([{ "lb_endpoints": [{ "endpoint": { "address": address } }] }]);
    let node = map([
        member("name", cluster.name.as_str()),
        member("type", kind),
        member("connect_timeout", connect),
        member(
            "load_assignment",
            map([
                member("cluster_name", cluster.name.as_str()),
                member("endpoints", endpoints),
            ]),
        ),
    ]);
    let node = if kind == "STATIC" {
        node
    } else {
        node.and(member("dns_lookup_family", "V4_PREFERRED"))
    };
    match &cluster.tls {
        Some(client) => node.and(
            member(
                "transport_socket",
                tls::client(client, &cluster.name, place, secrets),
            )
            .why("Its name and its authorities: without both, anybody on the way could answer."),
        ),
        None => node,
    }
}
