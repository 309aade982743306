//! A filter in a proxy whose listeners something else configures.

use registry_auth_engine::compile::compile;
use registry_auth_engine::config::{ConfigError, Diagnostics, Role, decode_value};
use serde_json::{Map, Value, json};

use crate::complete::members;
use crate::completed::Completed;

/// Members of `http` that say where clients connect.
const LISTENER: [&str; 3] = ["address", "port", "tls"];

/// Returns the document with a listener that the completion accepts: one that verifies client certificates, as far
/// as the completion can know. What the document says about its own is named and dropped.
pub(crate) fn without_listener(
    document: &Value,
    whose: &str,
    assumptions: &mut Vec<String>,
) -> Value {
    let mut document = document.clone();
    let Some(http) = members::object(&mut document, "http") else {
        return document;
    };
    let dropped: Vec<_> = LISTENER
        .into_iter()
        .filter(|name| members::remove(http, name).is_some())
        .map(|name| format!("http.{name}"))
        .collect();
    if !dropped.is_empty() {
        assumptions.push(format!(
            "{}: not used, clients connect to a proxy of {whose}",
            dropped.join(", ")
        ));
    }
    members::set(http, "address", "0.0.0.0");
    members::set(http, "port", 8443);
    let key = members::key(http, "auth").map(str::to_owned);
    let document_auth = key
        .and_then(|key| http.get(&key).cloned())
        .unwrap_or_default();
    // Authorities of clients without any other way to authenticate would turn certificates on.
    let mut tls = json!({ "cert": "-", "key": "-" });
    let has_auth = |name: &str| at(&document_auth, &[name]).is_some();
    if (has_auth("mtls") || has_auth("bearer"))
        && let Some(tls) = tls.as_object_mut()
    {
        members::set(tls, "cacert", "-");
    }
    members::set(http, "tls", tls);
    document
}

/// Checks the configuration of the filter with the engine, after it was changed.
pub(crate) fn check(completed: &Completed, found: &mut Vec<ConfigError>) {
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

/// Returns what of a filter's configuration needs the certificates of clients themselves, which
/// Envoy hands to the filter from 1.38 on; `None` if attributes of them suffice, or none are read.
#[must_use]
pub fn whole_certificate(filter: &Value) -> Option<&'static str> {
    let Role::Filter(raw) = decode_value(filter.clone()).0 else {
        return None;
    };
    let compiled = compile(&raw, &mut Diagnostics::default())?;
    compiled.engine.needs_certificate()
}

/// Returns true if the document has an object, or anything else, at this path.
pub(crate) fn has(value: &Value, path: &[&str]) -> bool {
    at(value, path).is_some()
}

/// Returns true if the document asks for the bodies of requests.
pub(crate) fn wants_bodies(document: &Value) -> bool {
    at(document, &["proxy", "readRequestBodies"]).and_then(Value::as_bool) == Some(true)
}

fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter()
        .try_fold(value, |value, name| members::get(value, name))
}

/// Returns the section `proxy`.
pub(crate) fn proxy(filter: &mut Value) -> Option<&mut Map<String, Value>> {
    let root = filter.as_object_mut()?;
    let key = members::key(root, "proxy").unwrap_or("proxy").to_owned();
    root.entry(key)
        .or_insert_with(|| Value::Object(Map::new()))
        .as_object_mut()
}
