//! Requests to providers over TCP and TLS.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::handshake;
use hyper::header::{CONNECTION, HOST, HeaderValue};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use registry_auth_engine::url::HttpUrl;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::http::{Answer, HttpClient, MAX_ANSWER, NoAnswer};

/// Time limit to connect to one address of a host.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Time limit for a request with its answer.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(8);

/// Sends each request on a connection of its own.
#[derive(Clone)]
pub struct DirectClient(Arc<ClientConfig>);

impl DirectClient {
    /// With what is trusted for https.
    #[must_use]
    pub const fn new(tls: Arc<ClientConfig>) -> Self {
        Self(tls)
    }

    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, NoAnswer> {
        let url = HttpUrl::parse(&request.uri().to_string()).map_err(|error| failed(&error))?;
        let stream = connect(&url).await?;
        if !url.is_https() {
            return send(stream, &url, request).await;
        }
        let name = ServerName::try_from(url.host().to_owned()).map_err(|error| failed(&error))?;
        let stream = TlsConnector::from(Arc::clone(&self.0))
            .connect(name, stream)
            .await
            .map_err(|error| failed(&error))?;
        send(stream, &url, request).await
    }
}

impl HttpClient for DirectClient {
    fn send(&self, request: Request<Bytes>) -> Answer<'_, Result<Response<Bytes>, NoAnswer>> {
        Box::pin(async {
            timeout(REQUEST_TIMEOUT, self.exchange(request))
                .await
                .unwrap_or_else(|_| Err(NoAnswer("timed out".to_owned())))
        })
    }
}

/// Connects to the first address of the host that accepts the connection.
async fn connect(url: &HttpUrl) -> Result<TcpStream, NoAnswer> {
    let addresses = lookup_host((url.host(), url.port()))
        .await
        .map_err(|error| failed(&error))?;
    let mut last = NoAnswer("the host has no address".to_owned());
    for address in addresses {
        match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = failed(&error.kind()),
            Err(_) => last = NoAnswer("timed out".to_owned()),
        }
    }
    Err(last)
}

async fn send<S>(
    stream: S,
    url: &HttpUrl,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, NoAnswer>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut head, body) = request.into_parts();
    head.uri = url
        .target()
        .parse::<Uri>()
        .map_err(|error| failed(&error))?;
    let host = HeaderValue::from_str(url.authority()).map_err(|error| failed(&error))?;
    head.headers.insert(HOST, host);
    head.headers
        .insert(CONNECTION, HeaderValue::from_static("close"));
    let request = Request::from_parts(head, Full::new(body));
    let (mut sender, connection) = handshake(TokioIo::new(stream))
        .await
        .map_err(|error| failed(&error))?;
    let exchange = async {
        let response = sender.send_request(request).await;
        let (head, body) = response.map_err(|error| failed(&error))?.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        let body = body.map_err(|_| NoAnswer("the answer broke off or is too long".to_owned()))?;
        Ok(Response::from_parts(head, body.to_bytes()))
    };
    let mut exchange = std::pin::pin!(exchange);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        answer = &mut exchange => answer,
        _ = &mut connection => exchange.await,
    }
}

fn failed(error: &impl ToString) -> NoAnswer {
    NoAnswer(error.to_string())
}

#[cfg(test)]
mod tests;
