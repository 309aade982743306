//! HTTP endpoints for operators: `/healthz`, `/readyz`, `/metrics`.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};

use crate::connections::{Connections, Stage};
use crate::metrics;
use crate::status::{NotReady, State, Status};

/// Time limit for one connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// Time limit for the head of its request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(2);
/// Pause after the system failed to accept a connection.
const PAUSE: Duration = Duration::from_millis(200);

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

/// What the endpoints answer.
pub(crate) trait Pages: Clone + Send + Sync + 'static {
    /// Returns the page of `/readyz`.
    fn readiness(&self) -> impl Future<Output = Readiness> + Send;

    /// Returns the page of `/metrics`.
    fn metrics(&self) -> impl Future<Output = Result<Page, fmt::Error>> + Send;
}

/// A page that is not JSON, with its content type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page {
    /// The content type.
    pub(crate) content_type: &'static str,
    /// The content.
    pub(crate) text: String,
}

/// Why the process is not ready; it is if there is no reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Readiness {
    /// The reasons.
    pub(crate) waiting: Vec<Value>,
    /// What does not work although the rest does. That is no reason: without a directory, tokens
    /// of workloads are still good.
    pub(crate) degraded: Vec<Value>,
    /// The last change of the configuration, if it was refused. That is no reason: the
    /// configuration of before is used.
    pub(crate) refused: Option<Value>,
}

/// The pages of `registry-auth serve`.
#[derive(Clone, Debug)]
pub(crate) struct ShimPages(pub(crate) Status);

impl Pages for ShimPages {
    async fn readiness(&self) -> Readiness {
        Readiness::of(&self.0.now())
    }

    async fn metrics(&self) -> Result<Page, fmt::Error> {
        Ok(Page {
            content_type: metrics::CONTENT_TYPE,
            text: metrics::text(self.0.now(), Instant::now())?,
        })
    }
}

impl Readiness {
    /// Returns which keys are missing where.
    pub(crate) fn of(state: &State) -> Self {
        let entry = |NotReady {
                         source,
                         envoy,
                         reason,
                         failing,
                     }: &NotReady| {
            let since = failing.map(|failing| failing.since.rfc3339());
            let members = [
                ("source", source.as_deref()),
                ("envoy", envoy.as_deref()),
                ("reason", Some(*reason)),
                // The kind alone: a message may have parts of a URL.
                ("error", failing.map(|failing| failing.last.label())),
                ("since", since.as_deref()),
            ];
            members
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), json!(value?))))
                .collect::<Value>()
        };
        Self {
            waiting: state.waiting().iter().map(entry).collect(),
            degraded: state
                .degraded()
                .map(|(source, reason)| json!({"source": source, "reason": reason}))
                .collect(),
            refused: None,
        }
    }
}

/// The listening endpoints.
pub(crate) struct Endpoints {
    listener: TcpListener,
}

impl Endpoints {
    /// Binds `address`. Requests are answered once [`Self::run`] is polled.
    ///
    /// # Errors
    /// The address cannot be bound.
    pub(crate) async fn bind(address: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on `{address}`"))?;
        Ok(Self { listener })
    }

    /// Returns the bound address, with the actual port if port 0 was requested.
    pub(crate) fn address(&self) -> anyhow::Result<SocketAddr> {
        self.listener
            .local_addr()
            .context("the listening socket has no address")
    }

    /// Serves `pages` until it is dropped.
    pub(crate) async fn run(self, pages: impl Pages) {
        let mut connections = Connections::default();
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => connections.add(|stage| {
                    let served = serve(stream, pages.clone(), stage);
                    async { drop(timeout(CONNECTION_TIMEOUT, served).await) }
                }),
                Err(_) => sleep(PAUSE).await,
            }
        }
    }
}

async fn serve(stream: TcpStream, pages: impl Pages, stage: Stage) {
    let service = service_fn(move |request: Request<Incoming>| {
        let pages = pages.clone();
        stage.request_is_there();
        async move { Ok::<_, Infallible>(answer(request.method(), request.uri().path(), &pages).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // Ignored: the client has closed the connection.
    let _ = connection.await;
}

async fn answer(method: &Method, path: &str, pages: &impl Pages) -> Response<Full<Bytes>> {
    let is_read = *method == Method::GET || *method == Method::HEAD;
    let (status, content_type, body) = match path {
        "/healthz" | "/readyz" | "/metrics" if !is_read => (
            StatusCode::METHOD_NOT_ALLOWED,
            TEXT,
            "only GET\n".to_owned(),
        ),
        "/healthz" => (StatusCode::OK, TEXT, "ok\n".to_owned()),
        "/readyz" => readiness(pages.readiness().await),
        "/metrics" => match pages.metrics().await {
            Ok(page) => (StatusCode::OK, page.content_type, page.text),
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

fn readiness(readiness: Readiness) -> (StatusCode, &'static str, String) {
    let Readiness {
        waiting,
        degraded,
        refused,
    } = readiness;
    let status = if waiting.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let mut page = json!({"ready": waiting.is_empty(), "waiting": waiting});
    let degraded = (!degraded.is_empty()).then(|| Value::from(degraded));
    if let Some(page) = page.as_object_mut() {
        let more = [("degraded", degraded), ("refused", refused)];
        page.extend(
            more.into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?))),
        );
    }
    (status, JSON, page.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_degraded_is_on_the_page_and_is_no_reason_to_be_replaced() {
        let entry = || vec![json!({"source": "http.auth.ldap", "reason": "r"})];
        let refused = || Some(json!({"since": "t"}));
        // (waiting, degraded, refused, status, members)
        let rows = [
            (vec![], vec![], None, 200, "ready waiting"),
            (vec![], entry(), None, 200, "degraded ready waiting"),
            (
                vec![],
                entry(),
                refused(),
                200,
                "degraded ready refused waiting",
            ),
            (entry(), vec![], None, 503, "ready waiting"),
            (entry(), entry(), None, 503, "degraded ready waiting"),
        ];
        for (waiting, degraded, refused, status, members) in rows {
            let is_ready = waiting.is_empty();
            let (found, _, page) = readiness(Readiness {
                waiting,
                degraded,
                refused,
            });
            let page: Value = serde_json::from_str(&page).unwrap();
            let mut names: Vec<_> = page.as_object().unwrap().keys().cloned().collect();
            names.sort();
            assert_eq!(found.as_u16(), status, "{page}");
            assert_eq!(names.join(" "), members, "{page}");
            assert_eq!(page["ready"], is_ready, "{page}");
        }
    }
}
