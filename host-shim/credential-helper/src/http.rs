//! HTTP requests to the services that give out tokens: five seconds, two tries, no redirects, at
//! most 64 KiB of answer.

pub(crate) mod connect;
pub(crate) mod text;

use std::time::Duration;

use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::Builder;
use hyper::header::{CONNECTION, HOST, HeaderValue};
use hyper::http::uri::Authority;
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use crate::environment::Environment;

/// Time limit for one try, including the connection.
pub(crate) const TRY: Duration = Duration::from_secs(5);
/// How often a request is sent that gets no answer.
pub(crate) const TRIES: u32 = 2;
/// The longest answer, in bytes.
pub(crate) const MAX_ANSWER: usize = 64 * 1024;

/// A request.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

/// Why there is no answer that can be used. No message holds a part of a request or an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpError {
    /// There is no answer in time.
    #[error("gave no answer within {} s", TRY.as_secs())]
    Timeout,
    /// There is no connection, or it broke.
    #[error("cannot be reached: {0}")]
    Unreachable(String),
    /// The answer is a redirect.
    #[error("answers with a redirect ({0}), which is not followed")]
    Redirect(u16),
    /// The answer is too long.
    #[error("gave an answer of more than {MAX_ANSWER} bytes")]
    TooLong,
    /// The answer is an error.
    #[error("answers {status}{}", reason(.code.as_deref()))]
    Status {
        /// The status.
        status: u16,
        /// The code of an error of AWS.
        code: Option<String>,
    },
    /// The certificate authorities cannot be used.
    #[error("cannot be reached: {0}")]
    Trust(&'static str),
    /// The request cannot be sent as it is.
    #[error("cannot be asked: {0}")]
    Request(&'static str),
}

fn reason(code: Option<&str>) -> String {
    code.map_or_else(String::new, |code| format!(" {code}"))
}

impl HttpError {
    /// Returns true if the same request may get an answer a moment later.
    const fn is_transient(&self) -> bool {
        match self {
            Self::Timeout | Self::Unreachable(_) => true,
            Self::Status { status, .. } => *status >= 500 || *status == 429,
            Self::Redirect(_) | Self::TooLong | Self::Trust(_) | Self::Request(_) => false,
        }
    }
}

impl Call {
    /// A GET request.
    ///
    /// # Errors
    /// `url` is not a URL of http or https.
    pub(crate) fn get(url: &str) -> Result<Self, HttpError> {
        Self::new(Method::GET, url)
    }

    /// A request without headers and body.
    ///
    /// # Errors
    /// `url` is not a URL of http or https.
    pub(crate) fn new(method: Method, url: &str) -> Result<Self, HttpError> {
        let uri: Uri = url
            .parse()
            .map_err(|_| HttpError::Request("its address is not a URL"))?;
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        let authority = uri.authority().map(Authority::as_str);
        if !known || authority.is_none_or(|authority| authority.contains('@')) {
            return Err(HttpError::Request(
                "its address is not a URL of http or https without a user",
            ));
        }
        Ok(Self {
            method,
            uri,
            headers: Vec::new(),
            body: String::new(),
        })
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn is_https(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }

    /// The host, without brackets.
    pub(crate) fn host(&self) -> &str {
        let host = self.uri.host().unwrap_or_default();
        host.trim_start_matches('[').trim_end_matches(']')
    }

    pub(crate) fn port(&self) -> u16 {
        let default = if self.is_https() { 443 } else { 80 };
        self.uri.port_u16().unwrap_or(default)
    }

    /// Host and port as the header `Host` has them.
    pub(crate) fn authority(&self) -> &str {
        self.uri
            .authority()
            .map_or("", |authority| authority.as_str())
    }

    /// Sends it, a second time if there is no answer, and returns the text of a successful one.
    ///
    /// # Errors
    /// See [`HttpError`].
    pub(crate) async fn send(&self, environment: &Environment) -> Result<String, HttpError> {
        let mut tries = 1;
        loop {
            let whole = timeout(TRY, self.send_once(environment)).await;
            match whole.unwrap_or(Err(HttpError::Timeout)) {
                Err(error) if error.is_transient() && tries < TRIES => tries += 1,
                ended => return ended,
            }
        }
    }

    async fn send_once(&self, environment: &Environment) -> Result<String, HttpError> {
        let request = self.request()?;
        let stream = connect::open(self, environment).await?;
        let (mut sender, connection) = Builder::new()
            .max_buf_size(MAX_ANSWER)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| broken(&error))?;
        // How it ended is known from the answer.
        tokio::spawn(async { drop(connection.await) });
        let answer = sender.send_request(request).await;
        let (head, body) = answer.map_err(|error| broken(&error))?.into_parts();
        if head.status.is_redirection() {
            return Err(HttpError::Redirect(head.status.as_u16()));
        }
        let limited = Limited::new(body, MAX_ANSWER).collect().await;
        let body = limited.map_err(|error| match error.downcast::<LengthLimitError>() {
            Ok(_) => HttpError::TooLong,
            Err(error) => broken(error.as_ref()),
        })?;
        let text = String::from_utf8_lossy(&body.to_bytes()).into_owned();
        if head.status == StatusCode::OK {
            return Ok(text);
        }
        Err(HttpError::Status {
            status: head.status.as_u16(),
            code: error_code(&text),
        })
    }

    fn request(&self) -> Result<Request<Full<Bytes>>, HttpError> {
        let target = self
            .uri
            .path_and_query()
            .map_or("/", |target| target.as_str());
        let mut request = Request::builder()
            .method(&self.method)
            .uri(target)
            .header(HOST, self.authority())
            .header(CONNECTION, "close");
        for (name, value) in &self.headers {
            let mut value = HeaderValue::from_str(value)
                .map_err(|_| HttpError::Request("a header would have control characters"))?;
            value.set_sensitive(true);
            request = request.header(*name, value);
        }
        request
            .body(Full::from(self.body.clone()))
            .map_err(|_| HttpError::Request("the request would be malformed"))
    }
}

/// Returns the code in an error of AWS: a word.
fn error_code(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let is_word = code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_word.then(|| code.to_owned())
}

fn broken(error: &(dyn std::error::Error + 'static)) -> HttpError {
    HttpError::Unreachable(error.to_string())
}

#[cfg(test)]
pub(crate) mod tests;
