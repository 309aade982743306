//! The client side of the push protocol, over TCP or a Unix socket. Any program may listen at the
//! address of an intake, so that nothing but a query is sent before a response has proven the push
//! key.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use registry_auth_engine::keys::envelope::pieces::{self, PiecesError};
use registry_auth_engine::keys::envelope::{PushRequest, PushResponse, is_ahead};
use registry_auth_engine::url::BaseUrl;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::clock::wall_clock;
use crate::envelope::{NoRandomBytes, Seal};
use crate::exchange::{ExchangeError, Session};
use crate::refresh::Published;

/// Time limit for one request with its response.
const EXCHANGE_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest response body that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;
/// Characters that are percent-encoded in a path: all but the unreserved ones (RFC 3986 section
/// 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The address of an intake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Intake {
    /// `http://HOST:PORT`; holds `HOST:PORT`.
    Tcp(String),
    /// `unix:PATH`
    Unix(PathBuf),
}

impl FromStr for Intake {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORMS: &str =
            "write `http://HOST:PORT`, `dns+http://NAME:PORT` or `unix:/path/of/socket`";
        if let Some(path) = text.strip_prefix("unix:") {
            // `unix:///path` is a URL with an empty authority, and the same socket.
            let path = PathBuf::from(path.strip_prefix("//").unwrap_or(path));
            return if path.is_absolute() {
                Ok(Self::Unix(path))
            } else {
                Err(format!("not an absolute path, {FORMS}"))
            };
        }
        let url = BaseUrl::parse(text).map_err(|error| format!("{error}, {FORMS}"))?;
        match url.url() {
            url if url.is_https() => Err(format!("not the address of an intake, {FORMS}")),
            url if url.path() != "/" => Err(format!("an intake has no path, {FORMS}")),
            url => {
                let address = url.address();
                // In one spelling, so that an address that a name has too is the same.
                Ok(address.parse().map_or(Self::Tcp(address), Self::at))
            }
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

/// The set that an intake holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeldSet {
    /// Its generation; 0 if the intake holds none.
    pub(crate) generation: u64,
    /// True if a filter has received a token with an unknown key id since the set was pushed.
    pub(crate) wanted: bool,
}

/// How an intake handled a pushed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PushOutcome {
    /// The set is stored.
    Stored,
    /// The intake holds this generation or a newer one.
    NotNewer,
}

/// Why a query or push failed. Errors of one kind are equal, so that each is logged once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IntakeError {
    /// There is no connection, or it broke.
    #[error("connection failed: {0}")]
    Unreachable(String),
    /// There is no response in time.
    #[error("timed out")]
    Timeout,
    /// The response does not prove the push key for this request.
    #[error("the response does not prove this push key; no keys are sent")]
    NotAnIntake,
    /// The intake holds a set with a generation too far ahead of the clock.
    #[error(
        "the intake holds a set that is more than 5 minutes ahead of the clock; check the clocks of both hosts"
    )]
    Ahead,
    /// A response with an error status. Without proof of the push key it has no other effect than
    /// this error.
    #[error("status {status}: {meaning}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The meaning of the status in the protocol, or the message of an intake that has proven
        /// the push key.
        meaning: String,
    },
    /// The intake reads no request bodies, and the set does not fit into header fields.
    #[error(
        "the intake reads no request bodies (`intake.readRequestBodies`), and the set is too large for header fields: an envelope of {0} bytes, at most 49152 fit"
    )]
    TooLargeForFields(usize),
    /// No nonce can be created.
    #[error(transparent)]
    NoRandomBytes(#[from] NoRandomBytes),
}

impl Intake {
    /// Returns the intake at an address.
    pub(crate) fn at(address: SocketAddr) -> Self {
        let address = SocketAddr::new(address.ip().to_canonical(), address.port());
        Self::Tcp(address.to_string())
    }

    /// Queries which generation of a set the intake holds: `GET /keys/v2/{set}`.
    ///
    /// # Errors
    /// See [`IntakeError`].
    pub(crate) async fn ask<'a>(
        &self,
        set: &'a str,
        seal: &'a Seal,
    ) -> Result<(HeldSet, ProvenSession<'a>), IntakeError> {
        let session = timeout(EXCHANGE_TIMEOUT, self.connect())
            .await
            .unwrap_or(Err(IntakeError::Timeout))?;
        let host = if let Self::Tcp(authority) = self {
            authority.as_str()
        } else {
            "localhost"
        };
        let mut asked = ProvenSession {
            session,
            host: host.to_owned(),
            set,
            seal,
            reads_bodies: true,
        };
        let answer = asked.exchange(None, Envelope::None).await?;
        if answer.status != StatusCode::OK.as_u16() {
            return Err(refused(answer));
        }
        if is_ahead(answer.generation, wall_clock()) {
            return Err(IntakeError::Ahead);
        }
        asked.reads_bodies = answer.reads_bodies;
        Ok((
            HeldSet {
                generation: answer.generation,
                wanted: answer.wanted,
            },
            asked,
        ))
    }

    async fn connect(&self) -> Result<Session, IntakeError> {
        Ok(match self {
            Self::Tcp(authority) => {
                Session::begin(
                    TcpStream::connect(authority)
                        .await
                        .map_err(|error| unreachable(&error.kind()))?,
                )
                .await?
            }
            Self::Unix(path) => {
                Session::begin(
                    UnixStream::connect(path)
                        .await
                        .map_err(|error| unreachable(&error.kind()))?,
                )
                .await?
            }
        })
    }
}

/// A connection on which the intake has proven the push key. Keys are sent on this connection only,
/// since another one may lead to another program.
pub(crate) struct ProvenSession<'a> {
    session: Session,
    host: String,
    set: &'a str,
    seal: &'a Seal,
    reads_bodies: bool,
}

/// Where a request has its envelope.
enum Envelope {
    None,
    Body(String),
    /// For an intake that reads no bodies.
    Fields(Vec<String>),
}

impl ProvenSession<'_> {
    /// Pushes a set as `generation`: `PUT /keys/v2/{set}`.
    ///
    /// # Errors
    /// See [`IntakeError`]; "not newer" is no error.
    pub(crate) async fn put(
        mut self,
        generation: u64,
        keys: &Published,
    ) -> Result<PushOutcome, IntakeError> {
        let envelope = self.seal.seal(self.set, generation, keys)?;
        let envelope = if self.reads_bodies {
            Envelope::Body(envelope)
        } else {
            let too_large = |_: PiecesError| IntakeError::TooLargeForFields(envelope.len());
            Envelope::Fields(pieces::split(&envelope).map_err(too_large)?)
        };
        let answer = self.exchange(Some(generation), envelope).await?;
        match answer.status {
            200 => Ok(PushOutcome::Stored),
            409 => Ok(PushOutcome::NotNewer),
            _ => Err(refused(answer)),
        }
    }

    /// Sends a query, or with `generation` a push, and accepts only a response that proves the push
    /// key for this request.
    async fn exchange(
        &mut self,
        generation: Option<u64>,
        envelope: Envelope,
    ) -> Result<PushResponse, IntakeError> {
        let asks = Seal::request(self.set, generation, wall_clock())?;
        let request = self.request(&asks, envelope)?;
        let answer = timeout(EXCHANGE_TIMEOUT, self.session.send(request, MAX_ANSWER)).await;
        let answer = answer.map_err(|_| IntakeError::Timeout)??;
        let status = answer.status();
        let verified = self.seal.verify(&asks, status.as_u16(), answer.body());
        verified.map_err(|_| {
            if status.is_success() {
                IntakeError::NotAnIntake
            } else {
                unproven(status)
            }
        })
    }

    fn request(
        &self,
        asks: &PushRequest,
        envelope: Envelope,
    ) -> Result<Request<Full<Bytes>>, IntakeError> {
        let method = if asks.generation.is_some() {
            Method::PUT
        } else {
            Method::GET
        };
        let mut request = Request::builder()
            .method(method)
            .uri(format!(
                "/keys/v2/{}",
                utf8_percent_encode(self.set, ESCAPED)
            ))
            .header(HOST, &self.host)
            .header(AUTHORIZATION, format!("Bearer {}", self.seal.sign(asks)))
            .header(CONTENT_TYPE, "application/jose");
        let mut body = Bytes::new();
        match envelope {
            Envelope::None => {}
            Envelope::Body(envelope) => body = envelope.into(),
            Envelope::Fields(pieces) => {
                for piece in pieces {
                    request = request.header(pieces::FIELD, piece);
                }
            }
        }
        request
            .body(Full::new(body))
            .map_err(|error| unreachable(&error))
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

/// An error response that proves the push key.
fn refused(answer: PushResponse) -> IntakeError {
    IntakeError::Refused {
        status: answer.status,
        meaning: answer.error.unwrap_or_default(),
    }
}

/// An error response without proof of the push key, which any program may have sent.
fn unproven(status: StatusCode) -> IntakeError {
    let meaning = match status.as_u16() {
        401 => "the push keys differ, or the clocks by more than 5 minutes",
        404 => {
            "not an intake of version 2 of the push protocol; is the filter older than this program?"
        }
        _ => "the response does not prove this push key",
    };
    IntakeError::Refused {
        status: status.as_u16(),
        meaning: meaning.to_owned(),
    }
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
            ("http://Envoy:9901/", Some("http://envoy:9901")),
            ("http://[::1]", Some("http://[::1]:80")),
            ("http://[0:0::1]:9901", Some("http://[::1]:9901")),
            ("http://envoy:9901/#x", None),
            ("http://::1:9901", None),
            ("http://:9901", None),
            ("", None),
        ];
        for (text, expected) in rows {
            let parsed = Intake::from_str(text).ok().map(|intake| intake.to_string());
            assert_eq!(parsed.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_name_of_a_set_is_one_segment_of_the_path() {
        let escaped = |set| utf8_percent_encode(set, ESCAPED).to_string();
        assert_eq!(escaped("secret:us-east-1/a"), "secret%3Aus-east-1%2Fa");
        assert_eq!(
            escaped("oidc:https://a.b-c_d~e:1/f?g#h%i \u{e9}"),
            "oidc%3Ahttps%3A%2F%2Fa.b-c_d~e%3A1%2Ff%3Fg%23h%25i%20%C3%A9"
        );
    }
}
