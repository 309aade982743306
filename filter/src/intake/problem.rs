//! Replies to whoever has not proven the push key.

use registry_auth::reply::Reply;
use serde_json::json;

pub(super) const HOST_FAILED: &str = "the host failed";

/// An answer to somebody who may be anybody: nothing in it is to be believed.
pub(super) fn problem(status: u16, why: &str) -> Reply {
    let headers = vec![("content-type", "application/json".to_owned())];
    Reply { status, headers, body: json!({ "error": why }).to_string().into_bytes() }
}
