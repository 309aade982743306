//! An upstream that responds with the request as it has received it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use aws_lc_rs::digest::{self, SHA256};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use serde_json::{Value, json};

use crate::registry::RegistryState;
use crate::server::{Port, Server};

/// Response header that holds the number of the request, so that a test can look it up.
pub const NUMBER: &str = "x-upstream-request";

/// One request as the upstream saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamRequest {
    /// The method.
    pub method: String,
    /// The request target, query included.
    pub path: String,
    /// All header fields in order, names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Bytes of the body.
    pub body: usize,
    /// SHA-256 of the body, in lower-case hexadecimal.
    pub sha256: String,
}

impl UpstreamRequest {
    /// Every value of a header field; bytes that are not ASCII as Latin-1.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<String> {
        let named = self
            .headers
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| latin1(value)).collect()
    }

    /// Returns the JSON body of the response.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let headers: Vec<_> = self
            .headers
            .iter()
            .map(|(name, value)| json!([name, latin1(value)]))
            .collect();
        json!({"method": self.method, "path": self.path, "headers": headers, "body": self.body, "sha256": self.sha256})
    }
}

/// A running echo upstream.
pub struct Upstream {
    state: Arc<Mutex<State>>,
    server: Server,
}

#[derive(Default)]
struct State {
    registry: RegistryState,
    seen: Vec<UpstreamRequest>,
}

impl Upstream {
    /// Starts it on a free loopback port.
    ///
    /// # Errors
    /// The port cannot be bound, or no thread started.
    pub fn start() -> Result<Self> {
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        let server = Port::bind()?.serve(move |request| echo(request, Arc::clone(&shared)))?;
        Ok(Self { state, server })
    }

    /// Returns its address.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Sets what it holds.
    pub fn hold(&self, registry: RegistryState) {
        lock(&self.state).registry = registry;
    }

    /// The request of this number, as the answer's [`NUMBER`] names it.
    #[must_use]
    pub fn seen(&self, number: usize) -> Option<UpstreamRequest> {
        lock(&self.state).seen.get(number).cloned()
    }

    /// Returns the number of requests.
    #[must_use]
    pub fn requests(&self) -> usize {
        lock(&self.state).seen.len()
    }
}

async fn echo(
    request: Request<Incoming>,
    state: Arc<Mutex<State>>,
) -> Option<Response<Full<Bytes>>> {
    let (head, mut body) = request.into_parts();
    let mut hash = digest::Context::new(&SHA256);
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.ok()?.into_data() {
            hash.update(&data);
            length += data.len();
        }
    }
    let seen = UpstreamRequest {
        method: head.method.to_string(),
        path: head
            .uri
            .path_and_query()
            .map_or_else(|| head.uri.to_string(), ToString::to_string),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
            .collect(),
        body: length,
        sha256: hex(hash.finish().as_ref()),
    };
    let text = seen.to_json().to_string();
    let mut state = lock(&state);
    let host = seen.values("host");
    let answer = state
        .registry
        .answer(&seen.method, &seen.path, host.first().map(String::as_str));
    state.seen.push(seen);
    let number = state.seen.len() - 1;
    let mut response = Response::builder().status(answer.status);
    response = response
        .header("content-type", "application/json")
        .header(NUMBER, number);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    response
        .body(Full::new(answer.body.unwrap_or(text).into()))
        .ok()
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// SHA-256 in lower-case hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&SHA256, bytes).as_ref())
}

/// Decodes bytes as Latin-1.
#[must_use]
pub fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::client::{self, Request as Sent};

    use super::*;

    #[test]
    fn it_answers_with_what_it_saw() {
        let upstream = Upstream::start().unwrap();
        let body = vec![7; 100_000];
        let request = Sent::new("PUT", "/v2/a/manifests/v1?x=1")
            .header("x-one", "\u{ff}")
            .body(body.clone());
        let response = client::send(upstream.address(), &request, Duration::from_secs(10)).unwrap();
        let seen = upstream
            .seen(response.header(NUMBER).unwrap().parse().unwrap())
            .unwrap();
        assert_eq!(
            serde_json::from_slice::<Value>(&response.body).unwrap(),
            seen.to_json()
        );
        assert_eq!(
            (seen.method.as_str(), seen.path.as_str()),
            ("PUT", "/v2/a/manifests/v1?x=1")
        );
        assert_eq!((seen.body, &seen.sha256), (body.len(), &sha256(&body)));
        assert_eq!(seen.values("X-One"), ["\u{ff}"]);
        assert_eq!(upstream.requests(), 1);
    }
}
