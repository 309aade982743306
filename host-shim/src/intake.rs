//! The client's side of the intake protocol: one HTTP/1.1 exchange over TCP or a Unix socket.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};

/// The longest that one exchange may take.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer that is read.
const MAX_ANSWER: usize = 64 * 1024;

/// Where an intake listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Intake {
    /// `http://HOST:PORT`; holds `HOST:PORT`.
    Tcp(String),
    /// `unix:PATH`
    Unix(PathBuf),
}

impl FromStr for Intake {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORMS: &str = "write `http://HOST:PORT` or `unix:/path/of/socket`";
        if let Some(path) = text.strip_prefix("unix:") {
            let path = PathBuf::from(path);
            return if path.is_absolute() {
                Ok(Self::Unix(path))
            } else {
                Err(format!("not an absolute path, {FORMS}"))
            };
        }
        let uri = Uri::from_str(text).map_err(|_| format!("not a URL, {FORMS}"))?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'));
        match (uri.scheme_str(), authority, uri.path_and_query().map_or("/", |rest| rest.as_str())) {
            (Some("http"), Some(authority), "/") => match authority.port_u16() {
                Some(port) => Ok(Self::Tcp(format!("{}:{port}", authority.host()))),
                None if authority.as_str() == authority.host() => Ok(Self::Tcp(format!("{authority}:80"))),
                None => Err(format!("not a port, {FORMS}")),
            },
            (Some("http"), Some(_), _) => Err(format!("an intake has no path, {FORMS}")),
            _ => Err(format!("not the address of an intake, {FORMS}")),
        }
    }
}

impl fmt::Display for Intake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(authority) => write!(formatter, "http://{authority}"),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
        }
    }
}

/// What an intake holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    /// The generation of the set; 0 when there is none.
    pub(crate) generation: u64,
    /// Whether a filter met an unknown key id since that set came.
    pub(crate) wanted: bool,
}

/// What an intake did with a pushed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It is stored.
    Stored,
    /// The intake holds this generation or a newer one.
    NotNewer,
}

/// Why an exchange failed; equal for two failures of one kind, so that the log says it once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IntakeError {
    /// Nobody listens, or the connection broke.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// No answer in time.
    #[error("timed out")]
    Timeout,
    /// The answer to the question for the generation is not the one of the protocol.
    #[error("does not answer like an intake")]
    NotAnIntake,
    /// Another status than the protocol's success.
    #[error("answers {status}: {meaning}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What the protocol means by it.
        meaning: &'static str,
    },
}

impl Intake {
    /// Asks what the intake holds of a set: `GET /v1/keys/{set}`.
    ///
    /// # Errors
    /// No answer in time, or not one of an intake.
    pub(crate) async fn held(&self, set: &str) -> Result<Held, IntakeError> {
        let (status, body) = self.exchange(set, Method::GET, Bytes::new()).await?;
        if status != StatusCode::OK {
            return Err(refused(status));
        }
        let answer: serde_json::Value = serde_json::from_slice(&body).map_err(|_| IntakeError::NotAnIntake)?;
        let member = |name| answer.get(name);
        let named = member("set").and_then(serde_json::Value::as_str);
        let generation = member("generation").and_then(serde_json::Value::as_u64);
        let wanted = member("wanted").and_then(serde_json::Value::as_bool);
        match (named, generation, wanted) {
            (Some(named), Some(generation), Some(wanted)) if named == set => Ok(Held { generation, wanted }),
            _ => Err(IntakeError::NotAnIntake),
        }
    }

    /// Hands over a sealed set: `PUT /v1/keys/{set}`.
    ///
    /// # Errors
    /// No answer in time, or a refusal other than "not newer".
    pub(crate) async fn put(&self, set: &str, envelope: String) -> Result<Taken, IntakeError> {
        let (status, _) = self.exchange(set, Method::PUT, Bytes::from(envelope)).await?;
        match status {
            StatusCode::NO_CONTENT => Ok(Taken::Stored),
            StatusCode::CONFLICT => Ok(Taken::NotNewer),
            status => Err(refused(status)),
        }
    }

    async fn exchange(&self, set: &str, method: Method, body: Bytes) -> Result<(StatusCode, Bytes), IntakeError> {
        let request = Request::builder()
            .method(method)
            .uri(format!("/v1/keys/{set}"))
            .header(HOST, if let Self::Tcp(authority) = self { authority } else { "localhost" })
            .header(CONTENT_TYPE, "application/jose")
            .header(CONNECTION, "close")
            .body(Full::new(body))
            .map_err(|error| unreachable(&error))?;
        let whole = async {
            match self {
                Self::Tcp(authority) => send(TcpStream::connect(authority).await, request).await,
                Self::Unix(path) => send(UnixStream::connect(path).await, request).await,
            }
        };
        tokio::time::timeout(EXCHANGE_TIMEOUT, whole).await.unwrap_or(Err(IntakeError::Timeout))
    }
}

/// One connection for one exchange: an intake that went away is noticed, and nothing is left half read.
async fn send<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    connected: std::io::Result<S>,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), IntakeError> {
    let stream = connected.map_err(|error| unreachable(&error.kind()))?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| unreachable(&error))?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(|error| unreachable(&error))?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        Ok((status, body.map_err(|_| IntakeError::NotAnIntake)?.to_bytes()))
    };
    let mut connection = std::pin::pin!(connection);
    let mut exchange = std::pin::pin!(exchange);
    tokio::select! {
        answer = &mut exchange => answer,
        _ = &mut connection => exchange.await,
    }
}

fn unreachable(error: &impl fmt::Display) -> IntakeError {
    IntakeError::Unreachable(error.to_string())
}

fn refused(status: StatusCode) -> IntakeError {
    let meaning = match status.as_u16() {
        400 => "the envelope is malformed",
        401 => "the push keys differ",
        404 => "no intake listens there",
        410 => "the set is past its not-after, look at the clocks",
        413 => "the set is too large",
        _ => "not a status of the intake protocol",
    };
    IntakeError::Refused { status: status.as_u16(), meaning }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intake_is_an_origin_or_a_socket() {
        let rows = [
            ("http://127.0.0.1:9901", Some("http://127.0.0.1:9901")),
            ("http://localhost", Some("http://localhost:80")),
            ("http://[::1]:9901/", Some("http://[::1]:9901")),
            ("unix:/run/intake.sock", Some("unix:/run/intake.sock")),
            ("unix:intake.sock", None),
            ("unix:", None),
            ("https://127.0.0.1:9901", None),
            ("http://127.0.0.1:9901/v1", None),
            ("http://127.0.0.1:9901/?a", None),
            ("http://user:secret@127.0.0.1:9901", None),
            ("127.0.0.1:9901", None),
            ("http://127.0.0.1:99999", None),
            ("", None),
        ];
        for (text, expected) in rows {
            let parsed = Intake::from_str(text).ok().map(|intake| intake.to_string());
            assert_eq!(parsed.as_deref(), expected, "{text}");
        }
    }
}
