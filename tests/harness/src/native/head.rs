//! A request as the engine reads it.

use registry_auth_engine::login::UI_HEADER;
use registry_auth_engine::reply::ReplyTo;
use registry_auth_engine::request::{Connection, RequestHead};

use crate::client::Request;
use crate::substrate::CLIENT;

/// Returns what the reply to a request depends on.
pub(super) fn reply_to(request: &Request) -> ReplyTo<'_> {
    let mut fields = request.headers.iter();
    let id = fields.find(|(name, _)| name.eq_ignore_ascii_case("x-request-id"));
    ReplyTo {
        method: request.method.as_bytes(),
        target: &request.target,
        id: id.map_or(&[], |(_, value)| value),
        trace: "",
    }
}

/// Returns the head of a request, with the address that a proxy adds; `secured` if it came by TLS.
pub(super) fn head(request: &Request, secured: bool) -> RequestHead<'_> {
    let all = |wanted: &str| -> Vec<&[u8]> {
        let named = request
            .headers
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        named.map(|(_, value)| value.as_slice()).collect()
    };
    let mut forwarded_for = all("x-forwarded-for");
    forwarded_for.push(CLIENT.as_bytes());
    RequestHead {
        method: request.method.as_bytes(),
        path: &request.target,
        authorization: all("authorization"),
        content_types: all("content-type"),
        user_agent: all("user-agent").first().copied().unwrap_or_default(),
        forwarded_for,
        cookies: all("cookie"),
        api_client: all(UI_HEADER.0).first().copied().unwrap_or_default(),
        client: CLIENT,
        connection: Connection {
            peer: b"127.0.0.1:40000",
            tls_version: if secured { b"TLSv1.3" } else { b"" },
            mtls: request.certificate.is_some(),
            certificate: request
                .certificate
                .as_deref()
                .unwrap_or_default()
                .as_bytes(),
            summary: None,
        },
    }
}
