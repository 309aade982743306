//! The client's side of the intake protocol: one HTTP/1.1 exchange over TCP or a Unix socket.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response, StatusCode, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::net::{TcpStream, UnixStream};

use crate::exchange::{ExchangeError, send};

/// The longest that one exchange may take.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest answer that is read.
const MAX_ANSWER: usize = 64 * 1024;
/// What of a set's name does not stand in a path as it is: all but the unreserved characters (RFC 3986 section 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

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
            // `unix:///path` is a URL with an empty authority, and the same socket.
            let path = PathBuf::from(path.strip_prefix("//").unwrap_or(path));
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
    /// Whether what is sent there stays on this machine, as far as its name tells.
    pub(crate) fn is_local(&self) -> bool {
        let Self::Tcp(authority) = self else { return true };
        let host = authority.rsplit_once(':').map_or(authority.as_str(), |(host, _)| host);
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }

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
            .uri(format!("/v1/keys/{}", utf8_percent_encode(set, ESCAPED)))
            .header(HOST, if let Self::Tcp(authority) = self { authority } else { "localhost" })
            .header(CONTENT_TYPE, "application/jose")
            .header(CONNECTION, "close")
            .body(Full::new(body))
            .map_err(|error| unreachable(&error))?;
        let whole = async {
            match self {
                Self::Tcp(authority) => {
                    let stream = TcpStream::connect(authority).await.map_err(|error| unreachable(&error.kind()))?;
                    Ok(send(stream, request, MAX_ANSWER).await?)
                }
                Self::Unix(path) => {
                    let stream = UnixStream::connect(path).await.map_err(|error| unreachable(&error.kind()))?;
                    Ok(send(stream, request, MAX_ANSWER).await?)
                }
            }
        };
        let answer = tokio::time::timeout(EXCHANGE_TIMEOUT, whole).await.unwrap_or(Err(IntakeError::Timeout));
        answer.map(Response::into_parts).map(|(head, body)| (head.status, body))
    }
}

impl From<ExchangeError> for IntakeError {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Broken(how) => Self::Unreachable(how),
            ExchangeError::TooLarge => Self::NotAnIntake,
        }
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
            ("unix:///run/intake.sock", Some("unix:/run/intake.sock")),
            ("unix://run/intake.sock", None),
            ("unix://", None),
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

    #[test]
    fn only_loopback_and_sockets_stay_on_this_machine() {
        let rows = [
            ("http://127.0.0.1:9902", true),
            ("http://127.1.2.3", true),
            ("http://[::1]:9902", true),
            ("http://localhost:9902", true),
            ("unix:/run/intake.sock", true),
            ("http://10.0.0.1:9902", false),
            ("http://envoy:9902", false),
            ("http://localhost.example.com:9902", false),
            ("http://[2001:db8::1]:9902", false),
        ];
        for (text, local) in rows {
            assert_eq!(Intake::from_str(text).unwrap().is_local(), local, "{text}");
        }
    }

    #[test]
    fn a_name_of_a_set_is_one_segment_of_the_path() {
        let escaped = |set| utf8_percent_encode(set, ESCAPED).to_string();
        assert_eq!(escaped("bearer"), "bearer");
        assert_eq!(
            escaped("oidc:https://a.b-c_d~e:1/f?g#h%i \u{e9}"),
            "oidc%3Ahttps%3A%2F%2Fa.b-c_d~e%3A1%2Ff%3Fg%23h%25i%20%C3%A9"
        );
    }
}
