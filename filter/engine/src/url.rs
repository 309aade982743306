//! The URLs that keys are fetched from.

use std::fmt;
use std::net::Ipv6Addr;

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
        let usable = split(authority).is_some() && text.bytes().all(plain);
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

    /// The host alone: a name, or an address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let host = split(&self.authority).map_or("", |(host, _)| host);
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    /// The port, that of the scheme when none is written.
    #[must_use]
    pub fn port(&self) -> u16 {
        let written = split(&self.authority).and_then(|(_, port)| port);
        written.unwrap_or(if self.https { 443 } else { 80 })
    }

    /// Whether both URLs have the same scheme, host and port (RFC 6454 section 5).
    #[must_use]
    pub fn is_same_origin(&self, other: &Self) -> bool {
        let origin = |url: &Self| (url.https, url.host().to_owned(), url.port());
        origin(self) == origin(other)
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

/// Host and port as they are written; nothing if the authority is not those two (RFC 3986 section 3.2).
fn split(authority: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match authority.rfind(']') {
        Some(end) => (authority.get(..=end)?, authority.get(end.checked_add(1)?..)?),
        None => authority.split_at_checked(authority.find(':').unwrap_or(authority.len()))?,
    };
    let bracketed = host.strip_prefix('[').map(|host| host.strip_suffix(']'));
    let named = !host.is_empty() && !host.contains(['[', ']', ':']);
    let is_host = bracketed.map_or(named, |address| address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()));
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        Some("") => None,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
        _ => return None,
    };
    is_host.then_some((host, port))
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
            ("https://a:/x", Some("https://a:/x")),
            ("https://a:b/x", None),
            ("https://a:+1/x", None),
            ("https://a:65536/x", None),
            ("https://a:1:2/x", None),
            ("https://::1/x", None),
            ("https://[::1/x", None),
            ("https://[a]/x", None),
            ("https://[::1]x/y", None),
            ("https://x[::1]/y", None),
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

    #[test]
    fn a_url_is_told_apart_from_another_by_scheme_host_and_port() {
        let url = |text| HttpUrl::parse(text).unwrap();
        let rows = [
            ("https://a/x", "a", 443),
            ("http://a/x", "a", 80),
            ("https://A.b:8443", "a.b", 8443),
            ("https://a:/x", "a", 443),
            ("https://[::1]:6443/x", "::1", 6443),
            ("https://[::1]", "::1", 443),
            ("http://10.0.0.1:1/", "10.0.0.1", 1),
        ];
        for (text, host, port) in rows {
            assert_eq!((url(text).host(), url(text).port()), (host, port), "{text}");
        }
        let rows = [
            ("https://a/x", "https://a:443/y", true),
            ("https://a/x", "https://A/x", true),
            ("https://a/x", "http://a/x", false),
            ("https://a/x", "https://a:444/x", false),
            ("https://a/x", "https://b.a/x", false),
            ("https://a:443", "http://a:443", false),
        ];
        for (one, other, same) in rows {
            assert_eq!(url(one).is_same_origin(&url(other)), same, "{one} {other}");
        }
    }
}
