//! URLs (RFC 3986) of issuers, of their documents, and of the token endpoint.

use std::fmt;
use std::net::Ipv6Addr;

/// Why a text is not a URL that is used here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Relative, or of another scheme.
    #[error("is not an absolute http or https URL")]
    NotHttp,
    /// `user@` before the host: credentials do not belong in a configuration, and parsers that
    /// ignore them see another host.
    #[error("has user information (`user@`) before its host: leave it out")]
    UserInfo,
    /// No host, or none that is a name or an IPv6 address in brackets.
    #[error("has no usable host: write a name, an IPv4 address, or an IPv6 address in brackets")]
    Host,
    /// A port that is no number up to 65535.
    #[error("has a port that is not a number up to 65535")]
    Port,
    /// `#`: a fragment is not sent to servers.
    #[error("has a fragment (`#`): leave it out")]
    Fragment,
    /// `?`, where a path is to be appended or compared.
    #[error("has a query (`?`), which is possible for `jwksUri` only")]
    Query,
    /// A character that is not allowed in URLs.
    #[error("has a blank or another character that must be percent-encoded in a URL")]
    Character,
}

/// An absolute `http` or `https` URL without user information or fragment: what a document is
/// fetched from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpUrl {
    https: bool,
    authority: String,
    /// Path and query as they are written; begins with a slash.
    target: String,
}

/// An [`HttpUrl`] without query, so that a path can be appended: an issuer (`OpenID` Connect Core
/// 1.0 section 2) or a realm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(HttpUrl);

impl HttpUrl {
    /// Reads a URL. Only scheme and authority are made lower case; path and query stay as they are
    /// written.
    ///
    /// # Errors
    /// See [`UrlError`]; a query is an error.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let (https, rest) = match text.split_once("://").ok_or(UrlError::NotHttp)? {
            (scheme, rest) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            (scheme, rest) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            _ => return Err(UrlError::NotHttp),
        };
        let is_plain =
            |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>');
        if !text.bytes().all(is_plain) {
            return Err(UrlError::Character);
        }
        if rest.contains('#') {
            return Err(UrlError::Fragment);
        }
        let (authority, target) = rest
            .split_at_checked(rest.find(['/', '?']).unwrap_or(rest.len()))
            .unwrap_or((rest, ""));
        if authority.contains('@') {
            return Err(UrlError::UserInfo);
        }
        split(authority)?;
        let slash = if target.starts_with('/') { "" } else { "/" };
        Ok(Self {
            https,
            authority: authority.to_ascii_lowercase(),
            target: format!("{slash}{target}"),
        })
    }

    /// Returns true if the scheme is `https`.
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
        host.strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
            .unwrap_or(host)
    }

    /// The port, that of the scheme when none is written.
    #[must_use]
    pub fn port(&self) -> u16 {
        let written = split(&self.authority).ok().and_then(|(_, port)| port);
        written.unwrap_or(if self.https { 443 } else { 80 })
    }

    /// Host and port as they are written, with the port of the scheme when there is none: what is
    /// connected to.
    #[must_use]
    pub fn address(&self) -> String {
        format!(
            "{}:{}",
            split(&self.authority).map_or("", |(host, _)| host),
            self.port()
        )
    }

    /// Returns true if both URLs have the same scheme, host and port (RFC 6454 section 5).
    #[must_use]
    pub fn is_same_origin(&self, other: &Self) -> bool {
        let origin = |url: &Self| (url.https, url.host().to_owned(), url.port());
        origin(self) == origin(other)
    }

    /// The path, never empty.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target
            .split_once('?')
            .map_or(self.target.as_str(), |(path, _)| path)
    }

    /// Path and query, as for `:path`.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }
}

impl BaseUrl {
    /// Reads a URL.
    ///
    /// # Errors
    /// See [`UrlError`].
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let url = HttpUrl::parse(text)?;
        if url.target.contains('?') {
            Err(UrlError::Query)
        } else {
            Ok(Self(url))
        }
    }

    /// The URL itself.
    #[must_use]
    pub const fn url(&self) -> &HttpUrl {
        &self.0
    }

    /// The URL with its path extended by `suffix`; a slash at the end is dropped first.
    #[must_use]
    pub fn join(&self, suffix: &str) -> HttpUrl {
        HttpUrl {
            target: format!("{}{suffix}", self.0.target.trim_end_matches('/')),
            ..self.0.clone()
        }
    }
}

/// Host and port as they are written (RFC 3986 section 3.2).
fn split(authority: &str) -> Result<(&str, Option<u16>), UrlError> {
    let end = match authority.rfind(']') {
        Some(bracket) => bracket + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at_checked(end).ok_or(UrlError::Host)?;
    let bracketed = host.strip_prefix('[').map(|host| host.strip_suffix(']'));
    let named = !host.is_empty() && !host.contains(['[', ']', ':']);
    if !bracketed.map_or(named, |address| {
        address.is_some_and(|address| address.parse::<Ipv6Addr>().is_ok())
    }) {
        return Err(UrlError::Host);
    }
    if port.is_empty() || port == ":" {
        return Ok((host, None));
    }
    let digits = port.strip_prefix(':').ok_or(UrlError::Host)?;
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(UrlError::Port);
    }
    digits
        .parse()
        .map(|port| (host, Some(port)))
        .map_err(|_| UrlError::Port)
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}://{}{}",
            self.scheme(),
            self.authority,
            self.target
        )
    }
}

#[cfg(test)]
mod tests;
