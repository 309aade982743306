//! Replies to requests that are not authenticated with the push key.

use registry_auth_engine::reply::Reply;
use serde_json::json;

pub(super) const HOST_FAILED: &str = "the host failed";

/// What replies of an intake are called in an access log.
pub(super) const LABEL: &str = "intake";

/// A reply that is not signed, since the sender is not known to have the push key.
pub(super) fn problem(status: u16, why: &str) -> Reply {
    let headers = vec![("content-type", "application/json".to_owned())];
    Reply {
        status,
        headers,
        body: json!({ "error": why }).to_string().into_bytes(),
        label: LABEL,
    }
}
