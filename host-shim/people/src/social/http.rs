//! Requests to providers.

use std::pin::Pin;

use hyper::body::Bytes;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use hyper::{Request, Response};
use registry_auth_engine::json;
use registry_auth_engine::url::HttpUrl;
use serde_json::Value;

use super::error::{Reason, SocialError};

/// The longest answer of a provider that is read, in bytes.
pub const MAX_ANSWER: usize = 256 * 1024;

/// An answer that is still to come.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// There is no answer: no connection, not in time, or too long. With the cause, for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(pub String);

/// Sends requests. The URL of a request is absolute; redirects are not followed; a body longer
/// than [`MAX_ANSWER`] is an error.
pub trait HttpClient: Send + Sync {
    /// Sends one request and reads the whole answer, whatever its status is.
    fn send(&self, request: Request<Bytes>) -> Answer<'_, Result<Response<Bytes>, NoAnswer>>;
}

/// Returns a GET request, with a token for the host of the URL if there is one.
pub(super) fn get(url: &HttpUrl, bearer: Option<&str>) -> Result<Request<Bytes>, SocialError> {
    let mut request = Request::get(url.to_string())
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, "registry-auth");
    if let Some(token) = bearer {
        request = request.header(AUTHORIZATION, secret(&format!("Bearer {token}"))?);
    }
    request
        .body(Bytes::new())
        .map_err(|_| Reason::ProviderAnswer.because("the address cannot be asked"))
}

/// Returns a POST request with a form.
pub(super) fn post(
    url: &HttpUrl,
    form: String,
    authorization: Option<&str>,
) -> Result<Request<Bytes>, SocialError> {
    let mut request = Request::post(url.to_string())
        .header(ACCEPT, "application/json")
        .header(USER_AGENT, "registry-auth")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
    if let Some(value) = authorization {
        request = request.header(AUTHORIZATION, secret(value)?);
    }
    request
        .body(form.into())
        .map_err(|_| Reason::ProviderAnswer.because("the address cannot be asked"))
}

/// A header value that no `Debug` shows.
fn secret(value: &str) -> Result<HeaderValue, SocialError> {
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| Reason::ProviderAnswer.because("the token is no text of a header field"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Sends a request.
///
/// # Errors
/// [`Reason::ProviderUnavailable`]: no answer, or a status of 500 and above, or 429.
pub(super) async fn send(
    client: &dyn HttpClient,
    what: &str,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, SocialError> {
    let response = client.send(request).await.map_err(|error| {
        Reason::ProviderUnavailable.because(format_args!("asking for {what} failed: {error}"))
    })?;
    let status = response.status();
    if status.is_server_error() || status.as_u16() == 429 {
        return Err(Reason::ProviderUnavailable.because(format_args!(
            "asking for {what} gives status {}",
            status.as_u16()
        )));
    }
    Ok(response)
}

/// Reads the JSON of an answer.
///
/// # Errors
/// [`Reason::ProviderAnswer`]: it is too long, or not JSON.
pub(super) fn json(what: &str, response: &Response<Bytes>) -> Result<Value, SocialError> {
    let body = response.body();
    let value = (body.len() <= MAX_ANSWER)
        .then(|| json::parse(json::without_mark(body)).ok())
        .flatten();
    value.ok_or_else(|| {
        Reason::ProviderAnswer.because(format_args!("{what} of the provider is not JSON"))
    })
}

/// The error for a status that is not the expected one.
pub(super) fn status_error(reason: Reason, what: &str, response: &Response<Bytes>) -> SocialError {
    reason.because(format_args!(
        "asking for {what} gives status {}",
        response.status().as_u16()
    ))
}
