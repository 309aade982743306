//! The state of a request in the host.

use std::collections::BTreeMap;

use registry_auth_harness::client::{Request, Response};
use registry_auth_harness::substrate::CLIENT;
use registry_auth_harness::upstream::{UpstreamRequest, latin1, sha256};

use super::Fields;

/// What keeps a request from the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Nothing.
    Open,
    /// The head is paused; the body is still delivered to the module (`StopIteration`).
    Head,
    /// Head and body are paused (`StopAllIteration...`, or the module paused at the end of the
    /// body).
    Closed,
}

/// The state of a request.
#[derive(Clone, Debug)]
pub(crate) struct Stream {
    pub(crate) headers: Fields,
    /// The part of the body that was not delivered to the module yet.
    pub(crate) unread: Vec<u8>,
    /// The part of the body that the module has received and paused.
    pub(crate) held: Vec<u8>,
    /// The part of the body that was sent to the upstream.
    pub(crate) sent: Vec<u8>,
    /// The part of the body in the current body callback.
    pub(crate) visible: Vec<u8>,
    /// True if the end of the body was delivered.
    pub(crate) ended: bool,
    pub(crate) gate: Gate,
    pub(crate) resumed: bool,
    pub(crate) reply: Option<Response>,
    /// The details of that reply, as an access log shows them.
    pub(crate) details: String,
    /// What the module has set, by name.
    pub(crate) attributes: BTreeMap<String, String>,
    /// Attributes of its connection.
    pub(super) properties: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Stream {
    /// Creates the state of a request. `forwards` adds the client's address to `x-forwarded-for`.
    pub(crate) fn new(request: &Request, forwards: bool) -> Self {
        let mut headers = vec![
            (b":method".to_vec(), request.method.clone().into_bytes()),
            (b":path".to_vec(), request.target.clone()),
            (b":scheme".to_vec(), b"http".to_vec()),
        ];
        let host = request
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("host"));
        headers.push((
            b":authority".to_vec(),
            host.map_or_else(|| b"registry.test".to_vec(), |(_, value)| value.clone()),
        ));
        let rest = request
            .headers
            .iter()
            .filter(|(name, _)| !name.eq_ignore_ascii_case("host"));
        headers.extend(
            rest.map(|(name, value)| (name.to_ascii_lowercase().into_bytes(), value.clone())),
        );
        if forwards {
            headers.push((b"x-forwarded-for".to_vec(), CLIENT.as_bytes().to_vec()));
        }
        Self {
            headers,
            unread: request.body.bytes(),
            held: Vec::new(),
            sent: Vec::new(),
            visible: Vec::new(),
            ended: false,
            gate: Gate::Open,
            resumed: false,
            reply: None,
            details: String::new(),
            attributes: BTreeMap::new(),
            properties: properties_of(request),
        }
    }

    pub(crate) fn open(&mut self) {
        self.gate = Gate::Open;
        self.sent.append(&mut self.held);
    }

    /// Returns the module's local reply as Envoy sends it: an empty body has no type, and HEAD has
    /// no body.
    pub(crate) fn as_sent(&self, reply: &Response) -> Response {
        let mut sent = reply.clone();
        if sent.body.is_empty() {
            sent.headers.retain(|(name, _)| name != "content-type");
        }
        if self
            .headers
            .iter()
            .any(|(name, value)| name == b":method" && value == b"HEAD")
        {
            sent.body.clear();
        }
        sent
    }

    pub(crate) fn seen(&self) -> UpstreamRequest {
        let pseudo = |wanted: &[u8]| {
            self.headers
                .iter()
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| latin1(value))
        };
        let fields: &Fields = &self.headers;
        let headers = fields.iter().filter(|(name, _)| !name.starts_with(b":"));
        UpstreamRequest {
            method: pseudo(b":method").unwrap_or_default(),
            path: pseudo(b":path").unwrap_or_default(),
            headers: headers
                .map(|(name, value)| (latin1(name), value.clone()))
                .collect(),
            body: self.sent.len(),
            sha256: sha256(&self.sent),
        }
    }

    /// Returns true if the request is `HEAD`, so that the response has no body.
    pub(crate) fn is_head(&self) -> bool {
        self.headers
            .iter()
            .any(|(name, value)| name.as_slice() == b":method" && value.as_slice() == b"HEAD")
    }
}

/// Attributes of a request's connection.
fn properties_of(request: &Request) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let Some(pem) = &request.certificate else {
        return BTreeMap::new();
    };
    let told = [
        ("connection\0mtls", "\u{1}"),
        ("connection\0peer_certificate", pem),
    ];
    told.map(|(path, value)| (path.as_bytes().to_vec(), value.as_bytes().to_vec()))
        .into()
}
