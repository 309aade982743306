//! What is different for a filter in a mesh.

use registry_auth_engine::compile::compile;
use registry_auth_engine::config::{ConfigError, Diagnostics, Role, decode_value};
use serde_json::{Map, Value, json};

use super::mesh::{Form, Mesh, Workload};
use crate::complete::members;
use crate::completed::Completed;

/// Members of `http` that say where clients connect.
const LISTENER: [&str; 3] = ["address", "port", "tls"];

/// Returns the document with the listener of a mesh: one that verifies client certificates, as far
/// as the completion can know. What the document says about its own is named and dropped.
pub(super) fn without_listener(document: &Value, assumptions: &mut Vec<String>) -> Value {
    let mut document = document.clone();
    let Some(root) = document.as_object_mut() else {
        return document;
    };
    let key = members::key(root, "http").unwrap_or("http").to_owned();
    let http = root.entry(key).or_insert_with(|| Value::Object(Map::new()));
    let Some(http) = http.as_object_mut() else {
        return document;
    };
    let dropped: Vec<_> = LISTENER
        .into_iter()
        .filter(|name| members::remove(http, name).is_some())
        .map(|name| format!("http.{name}"))
        .collect();
    if !dropped.is_empty() {
        assumptions.push(format!(
            "{}: not used, clients connect to a proxy of Istio",
            dropped.join(", ")
        ));
    }
    members::set(http, "address", "0.0.0.0");
    members::set(http, "port", 8443);
    // Authorities of clients without any other way to authenticate would turn certificates on.
    let mut tls = json!({ "cert": "-", "key": "-" });
    if http
        .get("auth")
        .is_some_and(|auth| members::get(auth, "mtls").is_some() || binds(auth))
        && let Some(tls) = tls.as_object_mut()
    {
        members::set(tls, "cacert", "-");
    }
    members::set(http, "tls", tls);
    document
}

/// Tokens may be bound to certificates.
fn binds(auth: &Value) -> bool {
    members::get(auth, "bearer").is_some()
}

/// Writes what a proxy of Istio can promise, and checks the result with the engine.
pub(super) fn filter(
    completed: &mut Completed,
    mesh: &Mesh,
    form: Form,
    assumptions: &mut Vec<String>,
    found: &mut Vec<ConfigError>,
) {
    if let Some(proxy) = proxy(&mut completed.filter) {
        if form != Form::EnvoyFilter {
            members::set(proxy, "readRequestBodies", false);
            assumptions.push(
                "the token endpoint answers GET only (a plugin of Istio gets no request bodies): clients go on with it".to_owned(),
            );
        }
        let behind = !matches!(mesh.workload, Workload::Gateway(..));
        if behind && members::remove(proxy, "clientAddress").is_some() {
            assumptions.push(
                "proxy.clientAddress: left out, because this proxy is not the one that clients connect to".to_owned(),
            );
        }
    }
    let (role, decoded) = decode_value(completed.filter.clone());
    let mut compiled = Diagnostics {
        errors: decoded.errors,
        warnings: Vec::new(),
    };
    if let Role::Filter(raw) = role {
        let _engine = compile(&raw, &mut compiled);
    }
    found.append(&mut compiled.errors);
}

/// Returns the section `proxy`.
pub(super) fn proxy(filter: &mut Value) -> Option<&mut Map<String, Value>> {
    let root = filter.as_object_mut()?;
    let key = members::key(root, "proxy").unwrap_or("proxy").to_owned();
    root.entry(key)
        .or_insert_with(|| Value::Object(Map::new()))
        .as_object_mut()
}
