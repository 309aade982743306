//! Small HTTP servers and one request: enough for an intake and for a Secrets Manager that misbehaves.

use std::convert::Infallible;
use std::sync::Arc;

use anyhow::Context;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::task::{JoinHandle, JoinSet};

/// A request that was read whole.
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) content_type: String,
    pub(crate) body: Bytes,
}

/// Status and body.
pub(crate) type Answer = (u16, String);

pub(crate) type Handler = Arc<dyn Fn(Seen) -> Answer + Send + Sync>;

pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Serves until the handle is aborted; then every connection is gone too.
pub(crate) fn serve(listener: Listener, handler: Handler) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            match &listener {
                Listener::Tcp(listener) => {
                    if let Ok((stream, _)) = listener.accept().await {
                        connections.spawn(connection(stream, handler.clone()));
                    }
                }
                Listener::Unix(listener) => {
                    if let Ok((stream, _)) = listener.accept().await {
                        connections.spawn(connection(stream, handler.clone()));
                    }
                }
            }
        }
    })
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, handler: Handler) {
    let service = service_fn(move |request: Request<Incoming>| {
        let handler = handler.clone();
        async move { Ok::<_, Infallible>(respond(request, &handler).await) }
    });
    // A peer that goes away is no failure of the test.
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(request: Request<Incoming>, handler: &Handler) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let content_type = head.headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let seen = Seen {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        content_type: content_type.to_owned(),
        body: body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default(),
    };
    let (status, text) = handler(seen);
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap_or_default();
    response
}

/// Sends one POST and returns the answer.
pub(crate) async fn post(authority: &str, headers: &[(&str, &str)], body: String) -> anyhow::Result<Answer> {
    let stream = TcpStream::connect(authority).await.context("connect")?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let task = tokio::spawn(connection);
    let mut request = Request::post("/").header("host", authority);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = sender.send_request(request.body(Full::new(Bytes::from(body)))?).await?;
    let status = answer.status().as_u16();
    let text = String::from_utf8(answer.into_body().collect().await?.to_bytes().to_vec())?;
    task.abort();
    Ok((status, text))
}
