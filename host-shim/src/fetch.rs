//! Fetches a document that an issuer publishes.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONNECTION, HOST, HeaderValue};
use hyper::{Request, Response};
use registry_auth_engine::keys::MAX_TEXT;
use registry_auth_engine::keys::fetch::{HEADERS, ResponseError};
use registry_auth_engine::url::HttpUrl;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::exchange::{ExchangeError, send};
use crate::trust::TrustError;

/// Time limit to connect to one address of the host.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Time limit for a document, including the connection.
const DOCUMENT_TIMEOUT: Duration = Duration::from_secs(8);

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
    let whole = async {
        let request = request(url, authorization)?;
        if !url.is_https() {
            return Ok(send(connect(url).await?, request, MAX_TEXT).await?);
        }
        let connector = TlsConnector::from(tls.clone()?);
        let name =
            ServerName::try_from(url.host().to_owned()).map_err(|error| unreachable(&error))?;
        let stream = connector
            .connect(name, connect(url).await?)
            .await
            .map_err(|error| unreachable(&error))?;
        Ok(send(stream, request, MAX_TEXT).await?)
    };
    timeout(DOCUMENT_TIMEOUT, whole)
        .await
        .unwrap_or(Err(GetError::Timeout))
}

fn request(
    url: &HttpUrl,
    authorization: Option<&HeaderValue>,
) -> Result<Request<Full<Bytes>>, GetError> {
    let mut request = Request::get(url.target())
        .header(HOST, url.authority())
        .header(CONNECTION, "close");
    for (name, value) in HEADERS {
        request = request.header(name, value);
    }
    if let Some(value) = authorization {
        request = request.header(AUTHORIZATION, value);
    }
    request
        .body(Full::default())
        .map_err(|error| unreachable(&error))
}

/// Connects to the first address of the host that accepts the connection.
async fn connect(url: &HttpUrl) -> Result<TcpStream, GetError> {
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
