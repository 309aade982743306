//! The URLs that keys are fetched from.

use std::fmt;

/// An absolute `http` or `https` URL without user information, query or fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUrl {
    https: bool,
    authority: String,
    path: String,
}

impl HttpUrl {
    /// Reads a URL (RFC 3986); nothing if it is relative, has another scheme, or a part that a fetch of keys has no use for.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (https, rest) = match text.split_once("://")? {
            (scheme, rest) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            (scheme, rest) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            _ => return None,
        };
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, format!("/{path}")),
            None => (rest, "/".to_owned()),
        };
        let plain =
            |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'@' | b'?' | b'#' | b'\\' | b'"' | b'<' | b'>');
        let usable = !authority.is_empty() && !authority.starts_with(':') && text.bytes().all(plain);
        usable.then(|| Self { https, authority: authority.to_ascii_lowercase(), path })
    }

    /// Whether the scheme is `https`.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.https
    }

    /// `https` or `http`.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    /// Host and port, as for `:authority`.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The path, never empty.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The same URL with its path extended by `suffix`; a slash at the end is dropped first.
    #[must_use]
    pub fn join(&self, suffix: &str) -> Self {
        Self { path: format!("{}{suffix}", self.path.trim_end_matches('/')), ..self.clone() }
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}://{}{}", self.scheme(), self.authority, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_absolute_urls_are_read() {
        let rows = [
            ("https://Issuer.Example.com", Some("https://issuer.example.com/")),
            ("HTTP://a:8080/x/y", Some("http://a:8080/x/y")),
            ("https://[::1]:6443/openid/v1/jwks", Some("https://[::1]:6443/openid/v1/jwks")),
            ("ftp://a", None),
            ("//a/b", None),
            ("a", None),
            ("registry", None),
            ("https://", None),
            ("https:///x", None),
            ("https://:80/x", None),
            ("https://user:pw@a/x", None),
            ("https://a/x?y=z", None),
            ("https://a/x#y", None),
            ("https://a/x y", None),
            ("https://a/\r\nx", None),
        ];
        for (text, wanted) in rows {
            assert_eq!(HttpUrl::parse(text).map(|url| url.to_string()).as_deref(), wanted, "{text}");
        }
        let url = HttpUrl::parse("https://a/b/").unwrap();
        assert_eq!(url.join("/.well-known/x").path(), "/b/.well-known/x");
    }
}
