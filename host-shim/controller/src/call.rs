//! One request to the API server, with its limits. Requests go out below kube's typed interface, which
//! logs an answer that it cannot read: here that may be a token.

use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use hyper::{Method, Request};
use kube::Client;
use kube::client::Body;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::time::timeout;

use crate::bounded::{MAX_LINE, PAGE};
use crate::said::{innermost, status_text};

/// The longest answer about one object, in bytes: a Secret has 1 MiB at most.
const MAX_ANSWER: usize = 2 << 20;
/// How many pages a list has.
const MAX_PAGES: usize = 20_000;
/// Answers without the content of the object.
const METADATA: &str = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
/// The same of a list.
const METADATA_LIST: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
const JSON: &str = "application/json";
/// The reason that the API server gives where a namespace is being deleted.
const TERMINATING: &str = "NamespaceTerminating";

/// How a body is to be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// As a new object.
    Create,
    /// In place of the object, if its version is still the same.
    Replace,
    /// By server-side apply; `force` takes fields from other managers.
    Apply {
        /// Whether fields of other managers are taken.
        force: bool,
    },
    /// As a JSON patch (RFC 6902).
    Patch,
}

/// Why a request came to nothing. No message holds a part of a body that was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// The API server refused it.
    #[error("{text}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it says, in one line.
        text: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
        /// Whether the namespace is being deleted.
        is_terminating: bool,
        /// Whether somebody else manages what was to be written.
        is_owned: bool,
    },
    /// There was no answer in time.
    #[error("the API server did not answer within {} s", .0.as_secs())]
    Timeout(Duration),
    /// There was no connection.
    #[error("the API server cannot be reached: {0}")]
    Unreachable(String),
    /// The answer cannot be read.
    #[error("the API server gave an answer that is {0}")]
    Answer(&'static str),
}

impl CallError {
    /// Returns the HTTP status of a refusal.
    #[must_use]
    pub(crate) const fn status(&self) -> Option<u16> {
        match self {
            Self::Refused { status, .. } => Some(*status),
            Self::Timeout(_) | Self::Unreachable(_) | Self::Answer(_) => None,
        }
    }

    /// Returns whether the namespace is being deleted.
    #[must_use]
    pub(crate) const fn is_terminating(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                is_terminating: true,
                ..
            }
        )
    }

    /// Returns whether somebody else manages what was to be written.
    #[must_use]
    pub(crate) const fn is_owned(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                status: 409,
                is_owned: true,
                ..
            }
        )
    }

    /// Returns how long the API server asks to wait.
    #[must_use]
    pub(crate) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } => *retry_after,
            Self::Timeout(_) | Self::Unreachable(_) | Self::Answer(_) => None,
        }
    }

    /// Returns the kind of failure as the label of a metric.
    #[must_use]
    pub(crate) const fn label(&self) -> &'static str {
        match self {
            Self::Refused {
                status: 401 | 403, ..
            } => "forbidden",
            Self::Refused {
                status: 409 | 422, ..
            } => "conflict",
            Self::Refused { status: 429, .. } => "throttled",
            Self::Refused { .. } => "refused",
            Self::Timeout(_) => "timeout",
            Self::Unreachable(_) => "unreachable",
            Self::Answer(_) => "answer",
        }
    }
}

/// The API server.
#[derive(Clone)]
pub(crate) struct Server {
    client: Client,
    timeout: Duration,
}

impl Server {
    /// An API server, and how long a request may take.
    #[must_use]
    pub(crate) const fn new(client: Client, timeout: Duration) -> Self {
        Self { client, timeout }
    }

    /// Reads an object; `None` if it is not there.
    ///
    /// # Errors
    /// See [`CallError`].
    pub(crate) async fn read(&self, path: &str) -> Result<Option<Value>, CallError> {
        Self::found(self.call(Method::GET, path, JSON, None).await)
    }

    /// Reads the metadata of all objects of a list, some at a time, and returns what `read` makes of
    /// each; nothing if there is no such list. `path` may have a query.
    ///
    /// # Errors
    /// See [`CallError`].
    pub(crate) async fn list_metadata<T>(
        &self,
        path: &str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Result<Vec<T>, CallError> {
        let mut found = Vec::new();
        let mut next = String::new();
        let mark = if path.contains('?') { '&' } else { '?' };
        for _ in 0..MAX_PAGES {
            let page = format!("{path}{mark}limit={PAGE}{next}");
            let request = request(Method::GET, &page, METADATA_LIST, None)?;
            let Some(list) = Self::found(self.in_time(request, MAX_LINE).await)? else {
                return Ok(Vec::new());
            };
            let items = list.get("items").and_then(Value::as_array);
            found.extend(items.into_iter().flatten().filter_map(&read));
            let more = list
                .get("metadata")
                .and_then(|metadata| metadata.get("continue")?.as_str())
                .filter(|more| !more.is_empty());
            let Some(more) = more else {
                return Ok(found);
            };
            next = format!("&continue={}", utf8_percent_encode(more, NON_ALPHANUMERIC));
        }
        Err(CallError::Answer("a list without an end"))
    }

    /// Writes, and returns the metadata of the object that is there then.
    ///
    /// # Errors
    /// See [`CallError`].
    pub(crate) async fn write(
        &self,
        how: Write,
        path: &str,
        body: &Value,
    ) -> Result<Value, CallError> {
        let manager = crate::names::MANAGER;
        let (method, path, content) = match how {
            Write::Create => (Method::POST, format!("{path}?fieldManager={manager}"), JSON),
            Write::Replace => (Method::PUT, format!("{path}?fieldManager={manager}"), JSON),
            Write::Apply { force } => (
                Method::PATCH,
                format!("{path}?fieldManager={manager}&force={force}"),
                "application/apply-patch+yaml",
            ),
            Write::Patch => (
                Method::PATCH,
                format!("{path}?fieldManager={manager}"),
                "application/json-patch+json",
            ),
        };
        self.call(method, &path, METADATA, Some((content, body)))
            .await
    }

    /// Sends a request whose answer is not that of an object that is kept, such as for a token.
    ///
    /// # Errors
    /// See [`CallError`].
    pub(crate) async fn ask(&self, path: &str, body: &Value) -> Result<Value, CallError> {
        self.call(Method::POST, path, JSON, Some((JSON, body)))
            .await
    }

    fn found(result: Result<Value, CallError>) -> Result<Option<Value>, CallError> {
        match result {
            Err(error) if error.status() == Some(404) => Ok(None),
            result => result.map(Some),
        }
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        accept: &str,
        body: Option<(&str, &Value)>,
    ) -> Result<Value, CallError> {
        let request = request(method, path, accept, body)?;
        self.in_time(request, MAX_ANSWER).await
    }

    async fn in_time(&self, request: Request<Body>, longest: usize) -> Result<Value, CallError> {
        let answered = timeout(self.timeout, self.exchange(request, longest)).await;
        answered.unwrap_or(Err(CallError::Timeout(self.timeout)))
    }

    async fn exchange(&self, request: Request<Body>, longest: usize) -> Result<Value, CallError> {
        let response = self.client.send(request).await;
        let response = response.map_err(|error| CallError::Unreachable(innermost(&error)))?;
        let status = response.status();
        let header = response.headers().get(RETRY_AFTER);
        let header = header.and_then(|value| value.to_str().ok()?.parse().ok());
        let body = Limited::new(response.into_body(), longest).collect().await;
        let body = body.map_err(|_| CallError::Answer("too long or broken off"))?;
        let answer = serde_json::from_slice::<Value>(&body.to_bytes());
        if status.is_success() {
            return answer.map_err(|_| CallError::Answer("not JSON"));
        }
        let named = header.map(Duration::from_secs);
        Err(refused(status.as_u16(), named, &answer.unwrap_or_default()))
    }
}

fn request(
    method: Method,
    path: &str,
    accept: &str,
    body: Option<(&str, &Value)>,
) -> Result<Request<Body>, CallError> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(ACCEPT, accept);
    let bytes = match body {
        Some((content, body)) => {
            request = request.header(CONTENT_TYPE, content);
            body.to_string().into_bytes()
        }
        None => Vec::new(),
    };
    let request = request.body(Body::from(bytes));
    request.map_err(|_| CallError::Unreachable("no such path".to_owned()))
}

/// Reads a Status (`meta/v1`).
fn refused(status: u16, header: Option<Duration>, answer: &Value) -> CallError {
    let text = |name: &str| answer.get(name).and_then(Value::as_str);
    let details = answer.get("details");
    let seconds = details.and_then(|details| details.get("retryAfterSeconds")?.as_u64());
    let causes = details.and_then(|details| details.get("causes")?.as_array());
    let is_terminating = causes
        .into_iter()
        .flatten()
        .any(|cause| cause.get("reason").and_then(Value::as_str) == Some(TERMINATING));
    CallError::Refused {
        status,
        text: status_text(
            status,
            text("reason").unwrap_or_default(),
            text("message").unwrap_or_default(),
        ),
        retry_after: header.or(seconds.map(Duration::from_secs)),
        is_terminating,
        is_owned: text("message").is_some_and(|message| message.contains("conflict with")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refusal_is_one_line_without_tokens() {
        let long = "QUJD".repeat(30);
        let rows = [
            (json!({}), "503 Service Unavailable"),
            (json!("busy"), "503 Service Unavailable"),
            (json!({"reason": "eyJhbGciOi.e30.c2ln"}), "503 [not shown]"),
            (
                json!({"reason": "Forbidden", "message": "secrets \"a\" is\n forbidden"}),
                "503 Forbidden: secrets \"a\" is forbidden",
            ),
            (
                json!({"reason": "Invalid", "message": "data: \"eyJhbGciOi.e30.c2ln\" is wrong"}),
                "503 Invalid: data: [not shown] is wrong",
            ),
            (
                json!({"reason": "Invalid", "message": format!("value: {long}, wrong")}),
                "503 Invalid: value: [not shown] wrong",
            ),
            (
                json!({"reason": "A\u{1b}[2J", "message": "b\u{7}c"}),
                r"503 A\u{1b}[2J: b\u{7}c",
            ),
        ];
        for (answer, expected) in rows {
            let error = refused(503, None, &answer);
            assert_eq!(
                error.to_string(),
                format!("the API server answered {expected}")
            );
        }
    }

    #[test]
    fn a_refusal_says_how_long_to_wait() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let details = json!({"details": {"retryAfterSeconds": 7}});
        let rows = [
            (None, &json!({}), None),
            (None, &details, seconds(7)),
            (seconds(3), &details, seconds(3)),
        ];
        for (header, answer, expected) in rows {
            assert_eq!(refused(429, header, answer).retry_after(), expected);
        }
        let causes = json!({"details": {"causes": [{"reason": TERMINATING}]}});
        let error = refused(403, None, &causes);
        assert!(matches!(
            error,
            CallError::Refused {
                is_terminating: true,
                ..
            }
        ));
    }
}
