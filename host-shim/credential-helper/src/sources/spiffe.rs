//! The Workload API of SPIFFE: one unary call of gRPC over HTTP/2, without TLS, as its specification
//! says (SPIFFE Workload API, section 6.2.1; gRPC over HTTP/2).

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http2::handshake;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::environment::Environment;
use crate::http::{HttpError, MAX_ANSWER, TRIES, TRY};
use crate::source::SPIFFE_SOCKET;
use crate::source_error::SourceError;

const SERVICE: &str = "the Workload API";
const METHOD: &str = "http://localhost/SpiffeWorkloadAPI/FetchJWTSVID";
/// The flag and the length in front of a message.
const PREFIX: usize = 5;
const OK: u32 = 0;
const INVALID_ARGUMENT: u32 = 3;

/// Asks for a token.
#[derive(Clone, PartialEq, prost::Message)]
struct JwtSvidRequest {
    #[prost(string, repeated, tag = "1")]
    audience: Vec<String>,
    #[prost(string, tag = "2")]
    spiffe_id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct JwtSvidResponse {
    #[prost(message, repeated, tag = "1")]
    svids: Vec<JwtSvid>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct JwtSvid {
    #[prost(string, tag = "1")]
    spiffe_id: String,
    #[prost(string, tag = "2")]
    svid: String,
}

/// Asks for the token of an identity, or of the first one.
///
/// # Errors
/// See [`SourceError`].
pub(super) async fn fetch(
    audience: &str,
    id: Option<&str>,
    environment: &Environment,
) -> Result<String, SourceError> {
    let socket = environment
        .get(SPIFFE_SOCKET)
        .ok_or_else(|| SourceError::NotSet {
            variable: SPIFFE_SOCKET.to_owned(),
            instead: "write the address of the agent, such as unix:///run/spire/agent.sock",
        })?;
    let question = JwtSvidRequest {
        audience: vec![audience.to_owned()],
        spiffe_id: id.unwrap_or_default().to_owned(),
    };
    let mut tries = 1;
    let answer = loop {
        let late = Err(SourceError::from(HttpError::Timeout));
        match timeout(TRY, ask(socket, &question)).await.unwrap_or(late) {
            Err(error) if tries < TRIES && is_transient(&error) => tries += 1,
            ended => break ended?,
        }
    };
    let wanted = |svid: &JwtSvid| id.is_none_or(|id| svid.spiffe_id == id);
    let found = answer.svids.into_iter().find(wanted);
    found.map(|svid| svid.svid).ok_or(SourceError::Answer {
        service: SERVICE,
        what: "token of this identity",
    })
}

/// A wrong question stays wrong; an agent that has just started has no entry yet.
const fn is_transient(error: &SourceError) -> bool {
    match error {
        SourceError::Grpc { status } => *status != INVALID_ARGUMENT,
        SourceError::Http { error, .. } => {
            matches!(error, HttpError::Timeout | HttpError::Unreachable(_))
        }
        _ => false,
    }
}

async fn ask(socket: &str, question: &JwtSvidRequest) -> Result<JwtSvidResponse, SourceError> {
    let unreachable = |error: std::io::Error| HttpError::Unreachable(error.to_string());
    if let Some(path) = socket.strip_prefix("unix:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        return call(
            UnixStream::connect(path).await.map_err(unreachable)?,
            question,
        )
        .await;
    }
    let address = socket.strip_prefix("tcp://").ok_or(SourceError::Value {
        variable: SPIFFE_SOCKET,
        problem: "is not an address: write unix:///PATH or tcp://IP:PORT",
    })?;
    call(
        TcpStream::connect(address).await.map_err(unreachable)?,
        question,
    )
    .await
}

async fn call<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    question: &JwtSvidRequest,
) -> Result<JwtSvidResponse, SourceError> {
    let (mut sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .map_err(|error| broken(&error))?;
    // How it ended is known from the answer.
    tokio::spawn(async { drop(connection.await) });
    let request = Request::post(METHOD)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("workload.spiffe.io", "true")
        .body(Full::new(frame(question)))
        .map_err(|_| HttpError::Request("the request would be malformed"))?;
    let answer = sender.send_request(request).await;
    read(answer.map_err(|error| broken(&error))?).await
}

async fn read(answer: Response<hyper::body::Incoming>) -> Result<JwtSvidResponse, SourceError> {
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, MAX_ANSWER.saturating_add(PREFIX))
        .collect()
        .await;
    let body = body.map_err(|error| match error.downcast::<hyper::Error>() {
        Ok(error) => broken(&error),
        Err(_) => HttpError::TooLong,
    })?;
    // An answer without a message has its status in its head.
    let status = body
        .trailers()
        .and_then(status)
        .or_else(|| status(&head.headers));
    match status {
        Some(OK) => {}
        Some(status) => return Err(SourceError::Grpc { status }),
        None => {
            return Err(HttpError::Unreachable("it is not a service of gRPC".to_owned()).into());
        }
    }
    message(&body.to_bytes()).ok_or(SourceError::Answer {
        service: SERVICE,
        what: "message",
    })
}

fn status(headers: &HeaderMap) -> Option<u32> {
    headers.get("grpc-status")?.to_str().ok()?.parse().ok()
}

/// A message with its flag (not compressed) and its length in front.
fn frame(message: &JwtSvidRequest) -> Bytes {
    let bytes = message.encode_to_vec();
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&[0], length.to_be_bytes().as_slice(), &bytes]
        .concat()
        .into()
}

fn message(frame: &[u8]) -> Option<JwtSvidResponse> {
    let (prefix, message) = frame.split_at_checked(PREFIX)?;
    let (flag, length) = prefix.split_first()?;
    let length = u32::from_be_bytes(length.try_into().ok()?);
    let whole = *flag == 0 && usize::try_from(length) == Ok(message.len());
    whole
        .then(|| JwtSvidResponse::decode(message).ok())
        .flatten()
}

fn broken(error: &hyper::Error) -> HttpError {
    HttpError::Unreachable(error.to_string())
}

impl From<HttpError> for SourceError {
    fn from(error: HttpError) -> Self {
        Self::Http {
            service: SERVICE,
            error,
            advice: "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_is_the_frame_of_the_specification() {
        let question = JwtSvidRequest {
            audience: vec!["registry.example.com".to_owned()],
            spiffe_id: String::new(),
        };
        let expected = b"\0\0\0\0\x16\x0a\x14registry.example.com";
        assert_eq!(*frame(&question), *expected);
    }

    #[test]
    fn an_answer_is_one_whole_message() {
        let rows: [(&[u8], Option<usize>); 7] = [
            (&[0, 0, 0, 0, 0], Some(0)),
            (&[0, 0, 0, 0, 5, 0x0a, 3, 0x12, 1, b'a'], Some(1)),
            (&[1, 0, 0, 0, 0], None),
            (&[0, 0, 0, 0, 6, 0x0a, 3, 0x12, 1, b'a'], None),
            (&[0, 0, 0, 0, 4, 0x0a, 3, 0x12, 1, b'a'], None),
            (&[0, 0, 0, 0, 2, 0x0a, 3], None),
            (&[0, 0], None),
        ];
        for (frame, expected) in rows {
            let found = message(frame).map(|answer| answer.svids.len());
            assert_eq!(found, expected, "{frame:?}");
        }
    }
}
