//! Whether a request that changes something comes from a page of ours, not from another site that
//! the same browser shows.

use hyper::HeaderMap;
use hyper::header::{HOST, ORIGIN};
use registry_auth_engine::login::UI_HEADER;
use registry_auth_engine::url::HttpUrl;

use crate::social::External;

/// Returns true for a request with the header of the user interface, which no form can set, or that
/// the browser says is of the same origin: by `Sec-Fetch-Site`, else by `Origin`, which has to be
/// that of `external`, or of the host that was asked.
#[must_use]
pub fn is_own(headers: &HeaderMap, external: &External) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (name, value) = UI_HEADER;
    if text(name) == Some(value) {
        return true;
    }
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    let Some(origin) = text(ORIGIN.as_str()).and_then(|origin| HttpUrl::parse(origin).ok()) else {
        return false;
    };
    let is_of_host = text(HOST.as_str())
        .and_then(|host| HttpUrl::parse(&format!("{}://{host}", origin.scheme())).ok())
        .is_some_and(|host| host.is_same_origin(&origin));
    is_of_host || external.url().url().is_same_origin(&origin)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_of_another_site_is_told_apart() {
        let external = External::new("https://reg.example").unwrap();
        let rows: [(&[(&'static str, &'static str)], bool); 15] = [
            (&[("x-zot-api-client", "zot-ui")], true),
            (&[("x-zot-api-client", "other")], false),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "none")], false),
            (
                &[
                    ("sec-fetch-site", "cross-site"),
                    ("origin", "https://reg.example"),
                ],
                false,
            ),
            (&[("origin", "https://reg.example")], true),
            (&[("origin", "http://reg.example")], false),
            (&[("origin", "https://reg.example.evil.example")], false),
            (
                &[
                    ("origin", "http://127.0.0.1:8080"),
                    ("host", "127.0.0.1:8080"),
                ],
                true,
            ),
            (
                &[
                    ("origin", "http://evil.example"),
                    ("host", "127.0.0.1:8080"),
                ],
                false,
            ),
            (&[("origin", "null"), ("host", "null")], false),
            (&[("referer", "https://reg.example/login")], false),
            (&[], false),
        ];
        for (fields, expected) in rows {
            let fields = fields.iter().map(|(name, value)| {
                (
                    name.parse().unwrap(),
                    hyper::header::HeaderValue::from_static(value),
                )
            });
            let headers: HeaderMap = fields.collect();
            assert_eq!(is_own(&headers, &external), expected, "{headers:?}");
        }
    }
}
