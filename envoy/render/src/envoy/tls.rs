//! Transport sockets: which certificates are shown, and which are accepted.

use serde_json::json;

use super::place::Place;
use super::secrets::{self, Secrets};
use crate::cluster::{ClientTls, Trust};
use crate::listener::ServerTls;
use crate::node::{Member, Node, map, member, typed};

const SOCKET: &str = "envoy.transport_sockets.tls";

/// TLS of a listener. Certificates that clients show are verified; a client without one is not
/// turned away here, since it may have another credential, or none is needed. The filter decides.
pub(super) fn server(server: &ServerTls, place: &Place, secrets: Secrets) -> Node {
    let mut common = protocol().and(member("alpn_protocols", json!(["h2", "http/1.1"])));
    common = common.and(secrets::certificate(
        secrets::SERVER,
        &server.certificate,
        place,
        secrets,
    ));
    let mut members = vec![];
    if let Some(path) = &server.client_authorities {
        common = common.and(match &server.client_authorities_text {
            Some(text) => member(
                "validation_context",
                json!({ "trusted_ca": { "inline_string": text } }),
            ),
            None => secrets::authorities(secrets::CLIENTS, path, place, secrets),
        });
        members.push(member("require_client_certificate", false).why(
            "As in zot: a client may come without a certificate, and one that it shows has to be valid. Never set trust_chain_verification to ACCEPT_UNTRUSTED: anybody could claim any identity then.",
        ));
    }
    members.push(member("common_tls_context", common));
    if server.client_authorities.is_some() {
        members.push(member("disable_stateless_session_resumption", true).why(
            "A resumed session has the client certificate of its first handshake, and nothing verifies it again: not its end, and not its authorities.",
        ));
        members.push(member("disable_stateful_session_resumption", true));
    }
    socket(
        "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
        members,
    )
}

/// TLS to a server, which must have a certificate of the authorities for its name.
pub(super) fn client(client: &ClientTls, cluster: &str, place: &Place, secrets: Secrets) -> Node {
    let kind = if client.is_address() {
        "IP_ADDRESS"
    } else {
        "DNS"
    };
    let name = json!([{ "san_type": kind, "matcher": { "exact": client.server } }]);
    let names = member("match_typed_subject_alt_names", name);
    let mut common = protocol();
    if let Some(certificate) = &client.certificate {
        common = common.and(secrets::certificate(
            &secrets::client_of(cluster),
            certificate,
            place,
            secrets,
        ));
    }
    let trusted = |source| map([member("trusted_ca", source)]);
    let validation = match (&client.trust, secrets) {
        (Trust::System, _) => trusted(json!({ "filename": place.system_authorities })),
        (Trust::Text(text), _) => trusted(json!({ "inline_string": text })),
        (Trust::File(path), Secrets::Here) => trusted(json!({ "filename": path })),
        (Trust::File(_), Secrets::Files) => map([]),
    };
    let validation = validation.and(names);
    let validation = if matches!((&client.trust, secrets), (Trust::File(_), Secrets::Files)) {
        // The name is checked here, the authorities are read again when their file changes.
        member(
            "combined_validation_context",
            map([
                member("default_validation_context", validation),
                member(
                    "validation_context_sds_secret_config",
                    secrets::reference(&secrets::authorities_of(cluster), place),
                ),
            ]),
        )
    } else {
        member("validation_context", validation)
    };
    let mut members = vec![];
    if !client.is_address() {
        members.push(member("sni", client.server.as_str()));
    }
    members.push(member("common_tls_context", common.and(validation)));
    socket(
        "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        members,
    )
}

/// As a client Envoy would use no version above 1.2 if nothing is written.
fn protocol() -> Node {
    let versions = json!({
        "tls_minimum_protocol_version": "TLSv1_2",
        "tls_maximum_protocol_version": "TLSv1_3",
    });
    map([member("tls_params", versions)])
}

fn socket(kind: &str, members: Vec<Member>) -> Node {
    map([
        member("name", SOCKET),
        member("typed_config", typed(kind, members)),
    ])
}
