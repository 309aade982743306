//! Certificates, keys and authorities: paths of files, never their content. Where Envoy reads its
//! configuration from a folder, each has a file there (secret discovery, SDS), and Envoy reads the
//! named files again when they are replaced.

use std::path::Path;

use serde_json::{Value, json};

use super::place::Place;
use super::wasm::config_source;
use crate::cluster::Certificate;
use crate::cluster::Trust;
use crate::completed::Completed;
use crate::node::{Member, Node, list, map, member};

/// How the names of the files begin.
pub(super) const PREFIX: &str = "secret-";

/// The certificate that clients are shown.
pub(super) const SERVER: &str = "server";

/// The authorities of client certificates.
pub(super) const CLIENTS: &str = "clients";

/// Where listeners and clusters have their certificates from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Secrets {
    /// Their paths are written in the listener or cluster.
    Here,
    /// From files that Envoy watches.
    Files,
}

/// Returns the secrets by the names of their files.
pub(super) fn all(completed: &Completed) -> Vec<(String, Node)> {
    let mut all = Vec::new();
    if let Some(server) = &completed.listener.tls {
        all.push(shown(SERVER, &server.certificate));
        let is_file = server.client_authorities_text.is_none();
        let clients = server.client_authorities.iter().filter(|_| is_file);
        all.extend(clients.map(|path| believed(CLIENTS, path)));
    }
    for cluster in completed.clusters() {
        let Some(client) = &cluster.tls else {
            continue;
        };
        if let Some(certificate) = &client.certificate {
            all.push(shown(&client_of(&cluster.name), certificate));
        }
        if let Trust::File(path) = &client.trust {
            all.push(believed(&authorities_of(&cluster.name), path));
        }
    }
    all
}

/// The name of what is shown to the server of a cluster.
pub(super) fn client_of(cluster: &str) -> String {
    format!("client-of-{}", file_name(cluster))
}

/// The name of the authorities of the server of a cluster.
pub(super) fn authorities_of(cluster: &str) -> String {
    format!("authorities-of-{}", file_name(cluster))
}

/// The member of `common_tls_context` for what is shown.
pub(super) fn certificate(
    name: &str,
    certificate: &Certificate,
    place: &Place,
    secrets: Secrets,
) -> Member {
    match secrets {
        Secrets::Here => member("tls_certificates", certificates(paths(certificate).into())),
        Secrets::Files => member(
            "tls_certificate_sds_secret_configs",
            certificates(reference(name, place)),
        ),
    }
}

/// The member of `common_tls_context` for what is accepted.
pub(super) fn authorities(name: &str, path: &str, place: &Place, secrets: Secrets) -> Member {
    match secrets {
        Secrets::Here => member(
            "validation_context",
            json!({ "trusted_ca": { "filename": path } }),
        ),
        Secrets::Files => member(
            "validation_context_sds_secret_config",
            reference(name, place),
        ),
    }
}

/// A reference to a secret in a file.
pub(super) fn reference(name: &str, place: &Place) -> Node {
    map([
        member("name", name),
        member("sds_config", config_source(&place.file(&file(name)))),
    ])
}

fn file(name: &str) -> String {
    format!("{PREFIX}{name}.yaml")
}

fn shown(name: &str, certificate: &Certificate) -> (String, Node) {
    let mut value = paths(certificate);
    if let Some(members) = value.as_object_mut() {
        members.insert(
            "watched_directory".to_owned(),
            folder_of(&certificate.chain),
        );
    }
    let secret = map([member("name", name), member("tls_certificate", value)]);
    (file(name), secret)
}

fn believed(name: &str, path: &str) -> (String, Node) {
    let context =
        json!({ "trusted_ca": { "filename": path }, "watched_directory": folder_of(path) });
    let secret = map([member("name", name), member("validation_context", context)]);
    (file(name), secret)
}

fn paths(certificate: &Certificate) -> Value {
    json!({
        "certificate_chain": { "filename": certificate.chain },
        "private_key": { "filename": certificate.key },
    })
}

/// The folder in which the file, or the link to it, is replaced.
fn folder_of(path: &str) -> Value {
    let folder = Path::new(path).parent().and_then(Path::to_str);
    let folder = folder.filter(|folder| !folder.is_empty()).unwrap_or(".");
    json!({ "path": folder })
}

/// The name of a cluster as a part of a file's name.
fn file_name(cluster: &str) -> String {
    let plain = |letter: char| {
        if letter.is_ascii_alphanumeric() || "._-".contains(letter) {
            letter
        } else {
            '_'
        }
    };
    cluster.chars().map(plain).collect()
}

/// The value of `tls_certificates`, of which Envoy takes a list.
fn certificates(certificate: Node) -> Node {
    list([certificate])
}
