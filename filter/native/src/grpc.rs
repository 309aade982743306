//! The status of replies to gRPC clients. Envoy answers them with 200, and would say for a dynamic module that all is well (0).

use std::borrow::Cow;

use registry_auth_engine::fields::{self, Fields};

use crate::abi::Stream;

/// Returns the fields of a reply, with `grpc-status` if the request is one of gRPC.
pub(crate) fn with_status(stream: Stream, status: u32, reply: &Fields) -> Cow<'_, Fields> {
    let request = stream.request_headers().and_then(Fields::parse);
    let is_grpc = request
        .as_ref()
        .and_then(|request| request.first("content-type"))
        .is_some_and(is_grpc);
    if !is_grpc {
        return Cow::Borrowed(reply);
    }
    let code = code(status).to_string();
    let mut with: Vec<(&str, &[u8])> = reply
        .iter()
        .filter_map(|(name, value)| Some((std::str::from_utf8(name).ok()?, value)))
        .collect();
    with.push(("grpc-status", code.as_bytes()));
    Fields::parse(fields::write(&with)).map_or(Cow::Borrowed(reply), Cow::Owned)
}

/// `application/grpc`, or one of its kinds (`application/grpc+proto`).
fn is_grpc(content_type: &[u8]) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    content_type
        .strip_prefix(GRPC)
        .is_some_and(|rest| matches!(rest.first(), None | Some(b'+')))
}

/// The status of gRPC for a status of HTTP (gRPC's "HTTP to gRPC Status Code Mapping").
const fn code(status: u32) -> u8 {
    match status {
        400 => 13,
        401 => 16,
        403 => 7,
        404 => 12,
        429 | 502 | 503 | 504 => 14,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::is_grpc;

    #[test]
    fn a_request_of_grpc_has_one_of_its_content_types() {
        let rows: [(&[u8], bool); 5] = [
            (b"application/grpc", true),
            (b"application/grpc+proto", true),
            (b"application/grpc-web", false),
            (b"application/json", false),
            (b"", false),
        ];
        for (content_type, expected) in rows {
            assert_eq!(is_grpc(content_type), expected);
        }
    }
}
