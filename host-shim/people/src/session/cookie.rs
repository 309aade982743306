//! Cookies (RFC 6265bis), written and read.

use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::{COOKIE, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The longest name and value that browsers keep, in bytes.
pub const MAX_COOKIE: usize = 4096;

/// The cookie from which a page learns the user name.
pub const USER: &str = "user";

/// What is not written as it is in the cookie `user`.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'@')
    .remove(b'.')
    .remove(b'-')
    .remove(b'_')
    .remove(b'+')
    .remove(b'/')
    .remove(b':');

/// A cookie to be set.
#[derive(Clone, Copy)]
pub struct NewCookie<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value; empty where it is removed.
    pub value: &'a str,
    /// To which paths it is sent.
    pub path: &'a str,
    /// How long; zero removes it.
    pub max_age: Duration,
    /// Whether scripts are kept from it.
    pub http_only: bool,
    /// Whether it is sent over TLS only.
    pub secure: bool,
}

impl NewCookie<'_> {
    /// The value of `Set-Cookie`. `SameSite=Lax` always: other sites can only lead here.
    ///
    /// Returns `None` for a value that no cookie can have, or longer than browsers keep.
    #[must_use]
    pub fn header(&self) -> Option<HeaderValue> {
        let fits = self.name.len() + self.value.len() <= MAX_COOKIE;
        let is_plain = self.value.bytes().all(is_cookie_octet);
        let text = format!(
            "{}={}; Path={}; Max-Age={}{}{}; SameSite=Lax",
            self.name,
            self.value,
            self.path,
            self.max_age.as_secs(),
            if self.http_only { "; HttpOnly" } else { "" },
            if self.secure { "; Secure" } else { "" },
        );
        let mut value = HeaderValue::from_str(&text)
            .ok()
            .filter(|_| fits && is_plain)?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// RFC 6265 section 4.1.1.
const fn is_cookie_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

/// The user name as the value of a cookie: percent-encoded.
#[must_use]
pub fn encoded_user(user: &str) -> String {
    utf8_percent_encode(user, ENCODED).to_string()
}

/// Returns the value of a cookie. One that is there twice may be of another host of the domain, and
/// is not used.
#[must_use]
pub fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).into_iter();
    let pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.split_once('='));
    let mut values = pairs
        .filter(|(found, _)| found.trim() == name)
        .map(|(_, value)| value.trim());
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_says_where_it_goes() {
        let cookie = NewCookie {
            name: "session",
            value: "a.b-c_d",
            path: "/",
            max_age: Duration::from_hours(2),
            http_only: true,
            secure: true,
        };
        let text = |cookie: NewCookie<'_>| {
            let header = cookie.header()?;
            assert!(header.is_sensitive());
            Some(header.to_str().unwrap().to_owned())
        };
        assert_eq!(
            text(cookie).unwrap(),
            "session=a.b-c_d; Path=/; Max-Age=7200; HttpOnly; Secure; SameSite=Lax"
        );
        let removed = NewCookie {
            value: "",
            max_age: Duration::ZERO,
            http_only: false,
            secure: false,
            ..cookie
        };
        assert_eq!(
            text(removed).unwrap(),
            "session=; Path=/; Max-Age=0; SameSite=Lax"
        );
        for value in ["a;b", "a b", "a\nb", "é", "a\"", &"x".repeat(4090)] {
            assert_eq!(text(NewCookie { value, ..cookie }), None, "{value}");
        }
        let longest = "x".repeat(4089);
        assert!(
            text(NewCookie {
                value: &longest,
                ..cookie
            })
            .is_some()
        );
    }

    #[test]
    fn a_user_name_is_readable_where_it_can_be() {
        for (user, expected) in [
            ("u@example.org", "u@example.org"),
            ("jürgen@x", "j%C3%BCrgen@x"),
            (" spaced @x ", "%20spaced%20@x%20"),
            ("a;b,c\"d@x", "a%3Bb%2Cc%22d@x"),
            ("a%20b", "a%2520b"),
        ] {
            assert_eq!(encoded_user(user), expected);
        }
    }

    #[test]
    fn a_cookie_is_read_if_it_is_there_once() {
        let headers = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(COOKIE, HeaderValue::from_static(line));
            }
            headers
        };
        for (lines, expected) in [
            (&["a=1; session=x; b=2"][..], Some("x")),
            (&["a=1", "session=x"][..], Some("x")),
            (&["session=x; session=y"][..], None),
            (&["session=x", "session=x"][..], None),
            (&["xsession=x; Session=y"][..], None),
            (&["session"][..], None),
            (&[][..], None),
            (&["session=a=b"][..], Some("a=b")),
        ] {
            assert_eq!(value(&headers(lines), "session"), expected, "{lines:?}");
        }
    }
}
