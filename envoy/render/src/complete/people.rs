//! How people log in: zot's sections, which the native program reads itself.
//!
//! They hold secrets and paths, so none of them reaches the proxy. The filter gets `http.auth.login`
//! in their place, and the proxy a cluster.

use registry_auth_engine::config::raw::Document;
use serde_json::{Value, json};

use super::clusters::Clusters;
use super::draft::Draft;
use super::members;
use crate::cluster::Cluster;
use crate::options::{LOGIN_CLUSTER, PAGES_CLUSTER};

/// Sections of `http.auth` by which people authenticate.
const METHODS: &[&str] = &["htpasswd", "ldap", "openid"];

/// What belongs to them, and means nothing alone.
const OTHERS: &[&str] = &[
    "apiKey",
    "apiKeyMaxAge",
    "sessionMaxAge",
    "sessionKeysFile",
    "sessionDriver",
    "secureSession",
];

/// Takes the sections out of a document, and returns the names of those that were there.
pub(super) fn take(document: &mut Value) -> Vec<&'static str> {
    let auth = within(document, "http").and_then(|http| within(http, "auth"));
    let Some(auth) = auth.and_then(Value::as_object_mut) else {
        return Vec::new();
    };
    let sections = METHODS.iter().chain(OTHERS).copied();
    sections
        .filter(|name| members::remove(auth, name).is_some())
        .collect()
}

fn within<'a>(value: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    let object = value.as_object_mut()?;
    let key = members::key(object, name)?.to_owned();
    object.get_mut(&key)
}

/// Writes what the filter has to know of the login service, and returns its cluster. Without one, a
/// document in which people are the only callers who authenticate is refused; in others their
/// sections are named: whoever would log in by them gets nothing.
pub(super) fn complete(
    raw: &Document,
    sections: &[&'static str],
    clusters: &mut Clusters,
    draft: &mut Draft<'_>,
) -> Option<Cluster> {
    if raw.login.is_some() {
        draft.found.error(
            "http.auth.login",
            "is written by itself where people log in: leave it out, and give zot's sections (htpasswd, ldap, openid)",
        );
        return None;
    }
    let Some(login) = &draft.options.login else {
        let are_all = raw.bearer.is_none() && raw.mtls.is_none();
        for name in sections {
            let place = format!("http.auth.{name}");
            if are_all && METHODS.contains(name) {
                draft.found.error(
                    place,
                    "is not supported here: people log in at `registry-auth run` and `serve`; other callers authenticate by tokens (http.auth.bearer) or client certificates (http.auth.mtls)",
                );
            } else {
                draft.found.warn(
                    place,
                    "is ignored: nobody logs in where no `registry-auth run` or `serve` is asked",
                );
            }
        }
        return None;
    };
    let cluster = Cluster {
        name: LOGIN_CLUSTER.to_owned(),
        endpoint: login.endpoint.clone(),
        tls: None,
    };
    clusters.reserve(&cluster);
    clusters.reserve(&Cluster {
        name: PAGES_CLUSTER.to_owned(),
        ..cluster.clone()
    });
    let written = json!({ "cluster": LOGIN_CLUSTER, "methods": login.methods });
    draft.set(&["http", "auth"], "login", written);
    Some(cluster)
}
