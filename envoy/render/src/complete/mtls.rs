//! `http.auth.mtls`: client certificates, which the proxy asks for and verifies.

use registry_auth_engine::config::raw::Document;
use serde_json::json;

use super::draft::Draft;
use super::listener::Reached;

/// Checks that certificates can be verified at all. As in zot, authorities of client certificates
/// without any other way to authenticate turn the section on.
pub(super) fn complete(raw: &Document, reached: Option<&Reached>, draft: &mut Draft<'_>) {
    let Some(reached) = reached else {
        return;
    };
    let tls = reached.listener.tls.as_ref();
    let verifies = tls.is_some_and(|tls| tls.client_authorities.is_some());
    if raw.mtls.is_some() && !verifies {
        draft.found.error(
            "http.auth.mtls",
            "needs http.tls with `cert`, `key` and `cacert`: the proxy verifies client certificates (a document for a proxy of your own: `check --for filter`)",
        );
    }
    let binds = raw.mtls.as_ref().is_some_and(|mtls| mtls.bind_tokens);
    if verifies && raw.mtls.is_none() && raw.bearer.is_none() && !binds {
        draft.set(&["http", "auth"], "mtls", json!({}));
        draft.assume(
            "http.auth.mtls: {}, because http.tls.cacert is given and there is no other way to authenticate",
        );
    }
}
