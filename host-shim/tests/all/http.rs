//! Small HTTP servers and a client, for an intake, and for issuers and a Secrets Manager with
//! faults.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// A received request with its whole body.
pub(crate) struct ReceivedRequest {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) content_type: String,
    pub(crate) authorization: String,
    /// The values of `x-registry-auth-envelope`.
    pub(crate) pieces: Vec<Vec<u8>>,
    pub(crate) body: Bytes,
}

/// A response, and the delay before it.
#[derive(Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
    pub(crate) after: Duration,
}

impl From<(u16, String)> for Answer {
    fn from((status, body): (u16, String)) -> Self {
        Self {
            status,
            body,
            ..Self::default()
        }
    }
}

/// Listens on a loopback port with `SO_REUSEPORT`; 0 is a free one.
pub(crate) fn shared(port: u16) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseport(true)?;
    socket.bind(([127, 0, 0, 1], port).into())?;
    socket.listen(64)
}

pub(crate) type Handler = Arc<dyn Fn(ReceivedRequest) -> Answer + Send + Sync>;

pub(crate) enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
    Tls(TcpListener, TlsAcceptor),
}

/// Serves until the handle is aborted, which closes all connections too.
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
                Listener::Tls(listener, acceptor) => {
                    if let Ok((stream, _)) = listener.accept().await {
                        let (acceptor, handler) = (acceptor.clone(), handler.clone());
                        connections.spawn(async move {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                connection(stream, handler).await;
                            }
                        });
                    }
                }
            }
        }
    })
}

async fn connection<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    handler: Handler,
) {
    let service = service_fn(move |request: Request<Incoming>| {
        let handler = handler.clone();
        async move { Ok::<_, Infallible>(respond(request, &handler).await) }
    });
    // A peer that closes its connection is not a failure of the test.
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn respond(request: Request<Incoming>, handler: &Handler) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let header = |name| {
        head.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    let seen = ReceivedRequest {
        method: head.method.to_string(),
        path: head
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str())
            .to_owned(),
        content_type: header("content-type"),
        authorization: header("authorization"),
        pieces: head
            .headers
            .get_all("x-registry-auth-envelope")
            .iter()
            .map(|value| value.as_bytes().to_vec())
            .collect(),
        body: body
            .collect()
            .await
            .map(http_body_util::Collected::to_bytes)
            .unwrap_or_default(),
    };
    let Answer {
        status,
        headers,
        body,
        after,
    } = handler(seen);
    tokio::time::sleep(after).await;
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response
        .body(Full::new(Bytes::from(body)))
        .unwrap_or_default()
}

/// Sends a POST and returns status and body of the response.
pub(crate) async fn post(
    authority: &str,
    headers: &[(&str, &str)],
    body: String,
) -> anyhow::Result<(u16, String)> {
    let mut request = Request::post("/");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = send(authority, request.body(Full::new(Bytes::from(body)))?).await?;
    Ok((answer.status().as_u16(), answer.into_body()))
}

/// Sends a request without a body.
pub(crate) async fn ask(
    authority: &str,
    method: &str,
    path: &str,
) -> anyhow::Result<Response<String>> {
    send(
        authority,
        Request::builder()
            .method(method)
            .uri(path)
            .body(Full::default())?,
    )
    .await
}

async fn send(
    authority: &str,
    mut request: Request<Full<Bytes>>,
) -> anyhow::Result<Response<String>> {
    let stream = TcpStream::connect(authority).await.context("connect")?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let task = tokio::spawn(connection);
    request.headers_mut().insert("host", authority.parse()?);
    let (head, body) = sender.send_request(request).await?.into_parts();
    let text = String::from_utf8_lossy(&body.collect().await?.to_bytes()).into_owned();
    task.abort();
    Ok(Response::from_parts(head, text))
}
