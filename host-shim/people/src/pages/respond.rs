//! Answers.

use hyper::body::Bytes;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
    REFERRER_POLICY, RETRY_AFTER, SET_COOKIE, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::{Response, StatusCode};
use maud::Markup;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use registry_auth_engine::url::HttpUrl;

/// What a `Location` cannot hold as it is.
const IN_LOCATION: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`');

/// An answer that is being made.
pub(super) struct Reply(Response<Bytes>);

impl Reply {
    pub(super) fn new(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let mut response = Response::new(body.into());
        *response.status_mut() =
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self(response)
            .with(CONTENT_TYPE, content_type)
            .with(X_CONTENT_TYPE_OPTIONS, "nosniff")
            .with(CACHE_CONTROL, "no-store")
    }

    /// A page. `form_target` is another origin that a form of it may lead to.
    pub(super) fn page(status: u16, page: Markup, form_target: Option<&HttpUrl>) -> Self {
        // A browser applies `form-action` to the redirect after a form too.
        let target = form_target.map_or_else(String::new, |url| {
            format!(" {}://{}", url.scheme(), url.authority())
        });
        let policy = format!(
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; form-action 'self'{target}; frame-ancestors 'none'; base-uri 'none'"
        );
        let reply = Self::new(status, "text/html; charset=utf-8", page.into_string())
            // `no-referrer` would make the `Origin` of the forms `null`.
            .with(REFERRER_POLICY, "same-origin")
            .with(X_FRAME_OPTIONS, "DENY")
            .with(
                HeaderName::from_static("cross-origin-opener-policy"),
                "same-origin",
            )
            .with(VARY, "cookie");
        match HeaderValue::from_str(&policy) {
            Ok(policy) => reply.with_value(CONTENT_SECURITY_POLICY, policy),
            Err(_) => reply.with(
                CONTENT_SECURITY_POLICY,
                "default-src 'none'; style-src 'self'",
            ),
        }
    }

    pub(super) fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    /// The browser goes on with GET.
    pub(super) fn redirect(status: u16, location: &str) -> Self {
        let location = utf8_percent_encode(location, IN_LOCATION).to_string();
        let reply = Self::new(status, "text/plain; charset=utf-8", "");
        match HeaderValue::from_str(&location) {
            Ok(location) => reply.with_value(LOCATION, location),
            Err(_) => reply.with(LOCATION, "/"),
        }
    }

    pub(super) fn method_not_allowed(allowed: &'static str) -> Self {
        Self::new(405, "text/plain; charset=utf-8", "method not allowed\n").with(ALLOW, allowed)
    }

    pub(super) fn retry_after(self, after: std::time::Duration) -> Self {
        self.with_value(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)))
    }

    pub(super) fn cookies(mut self, cookies: impl IntoIterator<Item = HeaderValue>) -> Self {
        for cookie in cookies {
            self.0.headers_mut().append(SET_COOKIE, cookie);
        }
        self
    }

    pub(super) fn cached(self) -> Self {
        self.with(CACHE_CONTROL, "public, max-age=3600")
    }

    pub(super) fn done(self) -> Response<Bytes> {
        self.0
    }

    fn with(self, name: HeaderName, value: &'static str) -> Self {
        self.with_value(name, HeaderValue::from_static(value))
    }

    fn with_value(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers_mut().insert(name, value);
        self
    }
}
