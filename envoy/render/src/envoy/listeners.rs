//! The listeners: of registry clients, and of pushed keys.

use serde_json::json;

use super::connections::{self, AccessLog};
use super::place::Place;
use super::secrets::Secrets;
use super::{FILTER, INTAKE, tls, wasm};
use crate::completed::Completed;
use crate::node::{Node, list, map, member};

/// Where the listeners have their filters from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Filters {
    /// They are written in the listener.
    Here,
    /// From files that Envoy watches.
    Files,
}

/// Returns the listeners.
pub(super) fn all(
    completed: &Completed,
    place: &Place,
    filters: Filters,
    secrets: Secrets,
) -> Vec<Node> {
    let mut listeners = vec![clients(completed, place, filters, secrets)];
    listeners.extend(intake(completed, place, filters));
    listeners
}

fn clients(completed: &Completed, place: &Place, filters: Filters, secrets: Secrets) -> Node {
    let filter = match filters {
        Filters::Here => wasm::filter(completed, place),
        Filters::Files => wasm::discovered(wasm::FILTER, FILTER, place),
    };
    let rewrite_host = completed.rewrite_host.as_deref();
    let pages = completed.pages();
    let pages = pages.as_ref().map(|pages| pages.name.as_str());
    let log = if completed.reads("log", "decisions") {
        AccessLog::Records
    } else {
        AccessLog::Requests
    };
    let upstream = &completed.upstream.name;
    let mut chain = connections::clients(filter, upstream, rewrite_host, pages, log);
    if let Some(server) = &completed.listener.tls {
        chain = chain.and(member(
            "transport_socket",
            tls::server(server, place, secrets),
        ));
    }
    let listener = &completed.listener;
    let address = json!({ "socket_address": { "address": listener.address.to_string(), "port_value": listener.port } });
    map([
        member("name", "registry_clients"),
        member("address", address),
        member("per_connection_buffer_limit_bytes", 262_144u32).why(
            "Bodies are streamed, and never more than this is held while a request waits: for each of at most 10,000 per worker. A request for a token, of which the filter reads 64 KiB, has to fit.",
        ),
        member("filter_chains", list([chain])),
    ])
}

fn intake(completed: &Completed, place: &Place, filters: Filters) -> Option<Node> {
    let filter = wasm::intake(completed, place)?;
    let filter = match filters {
        Filters::Here => filter,
        Filters::Files => wasm::discovered(wasm::INTAKE, INTAKE, place),
    };
    let address = json!({ "pipe": { "path": place.intake(), "mode": 0o600 } });
    Some(map([
        member("name", "intake"),
        member("address", address).why(
            "A socket that only Envoy's user may open, in a folder that only this user may write to. The module accepts only what proves the push key.",
        ),
        member("per_connection_buffer_limit_bytes", 1_310_720u32).why(
            "A key set is held whole until its MAC is checked: 1 MiB, and some room to say 413 ourselves.",
        ),
        member("filter_chains", list([connections::intake(filter)])),
    ]))
}
