//! How people log in to zot, which this filter does not do.

use registry_auth_engine::config::raw::Document;
use serde_json::Value;

use super::draft::Draft;
use super::members;

/// Sections of `http.auth` by which people authenticate.
const SECTIONS: &[&str] = &["htpasswd", "ldap", "openid"];

/// Refuses a document in which people are the only callers who authenticate. Together with tokens and
/// client certificates these sections are ignored with a warning of the engine: whoever would log
/// in by them gets nothing.
pub(super) fn refuse(raw: &Document, document: &Value, draft: &mut Draft<'_>) {
    if raw.bearer.is_some() || raw.mtls.is_some() {
        return;
    }
    let auth = members::get(document, "http").and_then(|http| members::get(http, "auth"));
    for name in SECTIONS {
        if auth.is_some_and(|auth| members::get(auth, name).is_some()) {
            draft.found.error(
                format!("http.auth.{name}"),
                "is not supported: callers authenticate by tokens (http.auth.bearer) or client certificates (http.auth.mtls)",
            );
        }
    }
}
