//! One HTTP/1.1 exchange over a connection of its own.

use std::fmt;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ExchangeError {
    /// The connection broke, or what came was no HTTP. Says how.
    Broken(String),
    /// The body is longer than was allowed.
    TooLarge,
}

/// Sends a request and reads the whole answer, its body up to `limit` bytes. Nothing is followed, nothing is repeated.
///
/// # Errors
/// See [`ExchangeError`].
pub(crate) async fn send<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    request: Request<Full<Bytes>>,
    limit: usize,
) -> Result<Response<Bytes>, ExchangeError> {
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
    let exchange = async {
        let (head, body) = sender.send_request(request).await.map_err(|error| broken(&error))?.into_parts();
        let body =
            Limited::new(body, limit).collect().await.map_err(|error| match error.downcast::<LengthLimitError>() {
                Ok(_) => ExchangeError::TooLarge,
                Err(error) => broken(&error),
            })?;
        Ok(Response::from_parts(head, body.to_bytes()))
    };
    let mut connection = std::pin::pin!(connection);
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        answer = &mut exchange => answer,
        _ = &mut connection => exchange.await,
    }
}

fn broken(error: &impl fmt::Display) -> ExchangeError {
    ExchangeError::Broken(error.to_string())
}
