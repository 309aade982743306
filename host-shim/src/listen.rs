//! HTTP endpoints for operators: `/healthz`, `/readyz`, `/metrics`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::metrics;
use crate::status::{NotReady, State, Status};

/// Maximum number of connections at a time; more wait.
const MAX_CONNECTIONS: usize = 64;
/// Time limit for one connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after the system failed to accept a connection.
const PAUSE: Duration = Duration::from_millis(200);

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// The listening endpoints.
pub(crate) struct Endpoints {
    listener: TcpListener,
    status: Status,
}

impl Endpoints {
    /// Binds `address`. Requests are answered once [`Self::run`] is polled.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub(crate) async fn bind(address: SocketAddr, status: Status) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on `{address}`"))?;
        Ok(Self { listener, status })
    }

    /// Returns the bound address, with the actual port if port 0 was requested.
    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        self.listener
            .local_addr()
            .context("the listening socket has no address")
    }

    /// Serves requests until it is dropped.
    pub(crate) async fn run(self) {
        let mut connections = JoinSet::new();
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    connections.spawn(timeout(
                        CONNECTION_TIMEOUT,
                        serve(stream, self.status.clone()),
                    ));
                }
                Err(_) => sleep(PAUSE).await,
            }
            while connections.try_join_next().is_some() {}
            if connections.len() >= MAX_CONNECTIONS {
                connections.join_next().await;
            }
        }
    }
}

async fn serve(stream: TcpStream, status: Status) {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = answer(request.method(), request.uri().path(), status.now());
        async { Ok::<_, Infallible>(answer) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // Ignored: the client has closed the connection.
    let _ = connection.await;
}

fn answer(method: &Method, path: &str, state: State) -> Response<Full<Bytes>> {
    let page = match path {
        "/healthz" => (StatusCode::OK, TEXT, "ok\n".to_owned()),
        "/readyz" => readiness(&state),
        "/metrics" => match metrics::text(state, Instant::now()) {
            Ok(text) => (StatusCode::OK, metrics::CONTENT_TYPE, text),
            Err(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                TEXT,
                "writing the metrics failed\n".to_owned(),
            ),
        },
        _ => (
            StatusCode::NOT_FOUND,
            TEXT,
            "only /healthz, /readyz and /metrics\n".to_owned(),
        ),
    };
    let is_read = *method == Method::GET || *method == Method::HEAD;
    let (status, content_type, body) = if is_read || page.0 == StatusCode::NOT_FOUND {
        page
    } else {
        (
            StatusCode::METHOD_NOT_ALLOWED,
            TEXT,
            "only GET\n".to_owned(),
        )
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        headers.insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    }
    response
}

fn readiness(state: &State) -> (StatusCode, &'static str, String) {
    let waiting = state.waiting();
    let status = if waiting.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let entry = |NotReady {
                     source,
                     envoy,
                     reason,
                 }: &NotReady| {
        let members = [("source", source.as_deref()), ("envoy", envoy.as_deref())];
        let members = members.into_iter().chain([("reason", Some(*reason))]);
        members
            .filter_map(|(name, value)| Some((name.to_owned(), json!(value?))))
            .collect::<Value>()
    };
    let entries: Vec<_> = waiting.iter().map(entry).collect();
    (
        status,
        JSON,
        json!({"ready": waiting.is_empty(), "waiting": entries}).to_string(),
    )
}
