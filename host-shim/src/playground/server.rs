//! The server of the page.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, HeaderName, HeaderValue,
    IF_NONE_MATCH, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::own::Own;
use super::page::Page;
use crate::connections::{Connections, Stage};

/// How many random bytes the address has.
const SECRET: usize = 16;
/// Time limit for the head of a request, on a connection that waits for the next one too.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause after the system failed to accept a connection.
const PAUSE: Duration = Duration::from_millis(200);
/// How the page begins, and how it begins where it follows a file.
const BEGINNING: (&str, &str) = ("<html lang=\"en\"", "<html lang=\"en\" data-configuration");

/// The same as in the page itself, and what can be said in a header only.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The header fields of each answer.
const FIELDS: [(HeaderName, &str); 4] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (CACHE_CONTROL, "no-store"),
];

/// A server that listens.
pub(super) struct Server {
    listener: TcpListener,
    address: SocketAddr,
    site: Arc<Site>,
}

struct Site {
    /// The first part of each path. Other users of this host, and pages of other sites whose names
    /// resolve to it, do not know it.
    secret: String,
    page: Page,
    own: Option<Own>,
}

impl Server {
    /// Binds `address`.
    ///
    /// # Errors
    /// It cannot be bound, or the system has no random bytes.
    pub(super) async fn bind(
        address: SocketAddr,
        page: Page,
        own: Option<Own>,
    ) -> anyhow::Result<Self> {
        let mut bytes = [0; SECRET];
        getrandom::fill(&mut bytes).context("the system has no random bytes")?;
        let mut secret = String::with_capacity(2 * SECRET);
        for byte in bytes {
            write!(secret, "{byte:02x}")?;
        }
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on `{address}`"))?;
        let address = listener.local_addr().context("the socket has no address")?;
        let site = Arc::new(Site { secret, page, own });
        Ok(Self {
            listener,
            address,
            site,
        })
    }

    /// The address of the page.
    pub(super) fn url(&self) -> String {
        format!("http://{}/{}/", self.address, self.site.secret)
    }

    /// Serves until it is dropped.
    pub(super) async fn run(self) {
        let mut connections = Connections::default();
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let site = Arc::clone(&self.site);
                    connections.add(|stage| serve(stream, site, stage));
                }
                Err(_) => sleep(PAUSE).await,
            }
        }
    }
}

async fn serve(stream: TcpStream, site: Arc<Site>, stage: Stage) {
    let answer = service_fn(|request| {
        stage.request_is_there();
        let answer = site.answer(&request);
        async { Ok::<_, Infallible>(answer) }
    });
    // A client that goes away is no event.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), answer)
        .await;
}

impl Site {
    fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let tag = request.headers().get(IF_NONE_MATCH);
        let mut response = if matches!(*request.method(), Method::GET | Method::HEAD) {
            self.file(request.uri().path(), tag)
        } else {
            let mut response = status(StatusCode::METHOD_NOT_ALLOWED);
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(ALLOW, allowed);
            response
        };
        for (name, value) in FIELDS {
            let value = HeaderValue::from_static(value);
            response.headers_mut().insert(name, value);
        }
        response
    }

    fn file(&self, path: &str, tag: Option<&HeaderValue>) -> Response<Full<Bytes>> {
        let name = path
            .strip_prefix('/')
            .and_then(|path| path.strip_prefix(&self.secret))
            .and_then(|path| path.strip_prefix('/'));
        match (name, &self.own) {
            (Some("configuration"), Some(own)) => configuration(own, tag),
            (Some("" | "index.html"), own) => self.index(own.is_some()),
            (Some(name), _) => match self.page.file(name) {
                Some((bytes, content_type)) => content(bytes.to_vec(), content_type),
                None => status(StatusCode::NOT_FOUND),
            },
            (None, _) => status(StatusCode::NOT_FOUND),
        }
    }

    fn index(&self, follows: bool) -> Response<Full<Bytes>> {
        let Some((bytes, content_type)) = self.page.file("index.html") else {
            return status(StatusCode::NOT_FOUND);
        };
        let text = String::from_utf8_lossy(bytes);
        let (from, to) = BEGINNING;
        let text = if follows {
            text.replacen(from, to, 1)
        } else {
            text.into_owned()
        };
        content(text.into_bytes(), content_type)
    }
}

fn configuration(own: &Own, tag: Option<&HeaderValue>) -> Response<Full<Bytes>> {
    let answer = own.answer();
    let mut response = if tag.is_some_and(|tag| tag.as_bytes() == answer.tag.as_bytes()) {
        status(StatusCode::NOT_MODIFIED)
    } else {
        content(answer.body, "application/json")
    };
    if let Ok(tag) = HeaderValue::from_str(&answer.tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    response
}

fn content(bytes: Vec<u8>, content_type: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(bytes));
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn status(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
