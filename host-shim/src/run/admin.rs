//! Envoy's admin interface, on a socket in the private folder.

use std::path::PathBuf;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::HOST;
use hyper::{Method, Request};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::exchange;

/// Time limit for one question.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The longest answer that is read, in bytes: metrics of some hundred clusters.
const MAX_ANSWER: usize = 32 * 1024 * 1024;

/// The admin interface of one Envoy.
#[derive(Clone, Debug)]
pub(crate) struct Admin {
    socket: PathBuf,
}

impl Admin {
    /// The interface on the socket at this path; nothing is sent yet.
    pub(crate) const fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Returns the text of a page; `None` if Envoy does not answer, or with an error.
    pub(crate) async fn get(&self, page: &str) -> Option<String> {
        self.ask(Method::GET, page).await
    }

    /// Has Envoy do something; whether it did, its pages show.
    pub(crate) async fn post(&self, page: &str) {
        drop(self.ask(Method::POST, page).await);
    }

    async fn ask(&self, method: Method, page: &str) -> Option<String> {
        let request = Request::builder()
            .method(method)
            .uri(page)
            .header(HOST, "envoy")
            .body(Full::new(Bytes::new()))
            .ok()?;
        let exchange = async {
            let stream = UnixStream::connect(&self.socket).await.ok()?;
            exchange::send(stream, request, MAX_ANSWER).await.ok()
        };
        let answer = timeout(TIMEOUT, exchange).await.ok().flatten()?;
        answer
            .status()
            .is_success()
            .then(|| String::from_utf8_lossy(answer.body()).into_owned())
    }
}
