//! HTTP/1.1 requests on a connection that is not shared.

use std::fmt;
use std::pin::Pin;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::http::response;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// Why there is no response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ExchangeError {
    /// The connection broke, or the peer does not speak HTTP; with the cause.
    Broken(String),
    /// The body is longer than the limit.
    TooLarge,
}

/// A connection for requests one after another. It makes no progress between them.
pub(crate) struct Session {
    sender: SendRequest<Full<Bytes>>,
    /// Drives the connection; `None` once it has ended.
    connection: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Session {
    /// Starts HTTP/1.1 on a new stream.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub(crate) async fn begin<S>(stream: S) -> Result<Self, ExchangeError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| broken(&error))?;
        // The exchange reports how the connection ended.
        let connection = Box::pin(async { drop(connection.await) });
        Ok(Self {
            sender,
            connection: Some(connection),
        })
    }

    /// Sends a request and reads the response with a body of at most `limit` bytes. Redirects are
    /// not followed, and nothing is retried.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
        limit: usize,
    ) -> Result<Response<Bytes>, ExchangeError> {
        let Self { sender, connection } = self;
        let mut exchange = std::pin::pin!(exchange(sender, request, limit));
        let Some(running) = connection else {
            return exchange.await;
        };
        tokio::select! {
            answer = &mut exchange => answer,
            () = running.as_mut() => {
                *connection = None;
                exchange.await
            }
        }
    }
}

async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
    limit: usize,
) -> Result<Response<Bytes>, ExchangeError> {
    sender.ready().await.map_err(|error| broken(&error))?;
    let (head, body) = sender
        .send_request(request)
        .await
        .map_err(|error| broken(&error))?
        .into_parts();
    let body = Limited::new(body, limit)
        .collect()
        .await
        .map_err(|error| match error.downcast::<LengthLimitError>() {
            Ok(_) => ExchangeError::TooLarge,
            Err(error) => broken(&error),
        })?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

/// Sends one request on a new stream.
///
/// # Errors
/// See [`ExchangeError`].
pub(crate) async fn send<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    request: Request<Full<Bytes>>,
    limit: usize,
) -> Result<Response<Bytes>, ExchangeError> {
    Session::begin(stream).await?.send(request, limit).await
}

/// Sends one request on a new stream, and reads the head of the response only.
///
/// # Errors
/// See [`ExchangeError`].
pub(crate) async fn send_for_head<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    request: Request<Full<Bytes>>,
) -> Result<response::Parts, ExchangeError> {
    let (mut sender, connection) = handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(&error))?;
    let mut exchange = std::pin::pin!(sender.send_request(request));
    let response = tokio::select! {
        answer = &mut exchange => answer,
        // It may have ended with the response.
        _ended = connection => exchange.await,
    };
    let (head, _unread) = response.map_err(|error| broken(&error))?.into_parts();
    Ok(head)
}

fn broken(error: &impl fmt::Display) -> ExchangeError {
    ExchangeError::Broken(error.to_string())
}
