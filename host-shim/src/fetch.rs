//! Fetches a document that an issuer publishes, or asks a registry for the status of a read.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONNECTION, HOST, HeaderValue};
use hyper::{Method, Request, Response};
use registry_auth_engine::keys::MAX_TEXT;
use registry_auth_engine::keys::fetch::{HEADERS, ResponseError};
use registry_auth_engine::url::HttpUrl;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::exchange::{ExchangeError, send, send_for_head};
use crate::trust::TrustError;

/// Time limit to connect to one address of the host.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Time limit for a document, including the connection.
const DOCUMENT_TIMEOUT: Duration = Duration::from_secs(8);

/// Header fields of a read: what clients of registries take.
const READER: [(&str, &str); 2] = [
    (
        "accept",
        "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, */*",
    ),
    ("user-agent", "registry-auth"),
];

/// Why a document could not be fetched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GetError {
    /// The certificate authorities cannot be loaded.
    #[error("the certificate authorities cannot be used: {0}")]
    Trust(#[from] TrustError),
    /// There is no connection, or it broke.
    #[error("connection failed: {0}")]
    Unreachable(String),
    /// There is no response in time.
    #[error("timed out")]
    Timeout,
    /// The body is longer than the limit.
    #[error("{}", ResponseError::TooLarge)]
    TooLarge,
}

/// Fetches a document of at most 256 KiB, whatever its status is, over TLS for an https URL. `authorization` is sent to the
/// host of the URL: the caller must make sure that this host may see it.
///
/// # Errors
/// See [`GetError`].
pub(crate) async fn get(
    url: &HttpUrl,
    tls: &Result<Arc<ClientConfig>, TrustError>,
    authorization: Option<&HeaderValue>,
) -> Result<Response<Bytes>, GetError> {
    let request = request(Method::GET, url, &HEADERS, authorization)?;
    let whole = async {
        match connect(url, tls).await? {
            Stream::Plain(stream) => Ok(send(stream, request, MAX_TEXT).await?),
            Stream::Tls(stream) => Ok(send(*stream, request, MAX_TEXT).await?),
        }
    };
    in_time(whole).await
}

/// Sends a request without a body, over TLS for an https URL, and returns the status of the
/// response; its body is not read. Redirects are not followed. `authorization` is sent to the host
/// of the URL: the caller must make sure that this host may see it.
///
/// # Errors
/// See [`GetError`].
pub(crate) async fn status(
    method: Method,
    url: &HttpUrl,
    tls: &Result<Arc<ClientConfig>, TrustError>,
    authorization: Option<&HeaderValue>,
) -> Result<u16, GetError> {
    let request = request(method, url, &READER, authorization)?;
    let whole = async {
        let response = match connect(url, tls).await? {
            Stream::Plain(stream) => send_for_head(stream, request).await?,
            Stream::Tls(stream) => send_for_head(*stream, request).await?,
        };
        Ok(response.status.as_u16())
    };
    in_time(whole).await
}

async fn in_time<T>(whole: impl Future<Output = Result<T, GetError>>) -> Result<T, GetError> {
    timeout(DOCUMENT_TIMEOUT, whole)
        .await
        .unwrap_or(Err(GetError::Timeout))
}

fn request(
    method: Method,
    url: &HttpUrl,
    headers: &[(&str, &str)],
    authorization: Option<&HeaderValue>,
) -> Result<Request<Full<Bytes>>, GetError> {
    let mut request = Request::builder()
        .method(method)
        .uri(url.target())
        .header(HOST, url.authority())
        .header(CONNECTION, "close");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(value) = authorization {
        request = request.header(AUTHORIZATION, value);
    }
    request
        .body(Full::default())
        .map_err(|error| unreachable(&error))
}

/// A connection to the host of a URL.
enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

async fn connect(
    url: &HttpUrl,
    tls: &Result<Arc<ClientConfig>, TrustError>,
) -> Result<Stream, GetError> {
    if !url.is_https() {
        return Ok(Stream::Plain(connect_tcp(url).await?));
    }
    let connector = TlsConnector::from(tls.clone()?);
    let name = ServerName::try_from(url.host().to_owned()).map_err(|error| unreachable(&error))?;
    let stream = connector
        .connect(name, connect_tcp(url).await?)
        .await
        .map_err(|error| unreachable(&error))?;
    Ok(Stream::Tls(Box::new(stream)))
}

/// Connects to the first address of the host that accepts the connection.
async fn connect_tcp(url: &HttpUrl) -> Result<TcpStream, GetError> {
    let addresses = lookup_host((url.host(), url.port()))
        .await
        .map_err(|error| unreachable(&error))?;
    let mut failed = GetError::Unreachable("the host has no address".to_owned());
    for address in addresses {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failed = unreachable(&error.kind()),
            Err(_) => failed = GetError::Timeout,
        }
    }
    Err(failed)
}

impl From<ExchangeError> for GetError {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Broken(how) => Self::Unreachable(how),
            ExchangeError::TooLarge => Self::TooLarge,
        }
    }
}

fn unreachable(error: &impl ToString) -> GetError {
    GetError::Unreachable(error.to_string())
}
