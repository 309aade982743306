//! Requests to an issuer over HTTP, and how their responses are read.

use std::time::Duration;

use registry_auth_engine::keys::MAX_TEXT;
use registry_auth_engine::keys::fetch::{HEADERS, KeyFetch, KeyRequest, ResponseHead, Step};
use registry_auth_engine::keys::source::Callout;

use crate::host::{self, HostError};

/// How long one response may take.
const TIMEOUT: Duration = Duration::from_millis(2_500);

/// Sends the request of a fetch; only through the configured cluster, wherever a discovery document
/// points. The response comes under the returned number.
pub(crate) fn send(callout: &Callout, fetch: &KeyFetch) -> Result<u32, HostError> {
    let KeyRequest { document, url } = fetch.request();
    let [accept, user_agent] = HEADERS;
    let headers = [
        (":method", "GET"),
        (":scheme", url.scheme()),
        (":authority", url.authority()),
        (":path", url.target()),
        accept,
        user_agent,
    ];
    host::call(callout.cluster_of(*document), &headers, TIMEOUT)
}

/// Reads the response to the effective context's callout. The error is for the log: it names what
/// was wrong, never content.
pub(crate) fn read(fetch: KeyFetch, length: usize) -> Result<Step, String> {
    let failed = |HostError(call)| format!("the host failed in {call}");
    let headers = host::callout_headers().map_err(failed)?;
    let status = headers
        .first(":status")
        .and_then(|status| std::str::from_utf8(status).ok());
    let head = ResponseHead {
        status: status.and_then(|status| status.parse().ok()),
        length,
        cache_control: headers.first("cache-control"),
    };
    let response = fetch.head(&head).map_err(|error| error.to_string())?;
    let body = host::callout_body(MAX_TEXT).map_err(failed)?;
    response.body(&body).map_err(|error| error.to_string())
}
