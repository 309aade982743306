//! Names, by the grammar that each has.

/// The kind of the byte before another one in a repository name.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Nothing, or a slash.
    Slash,
    /// `[a-z0-9]`
    Letter,
    /// One underscore: another may follow.
    Underscore,
    /// Dashes: more may follow.
    Dashes,
    /// A separator that is whole: `.` or `__`.
    Separator,
}

/// Returns true for
/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*` (OCI distribution
/// spec), of any length.
#[must_use]
pub fn is_repository(name: &[u8]) -> bool {
    let step = |before, byte: &u8| match (before, *byte) {
        (_, b'a'..=b'z' | b'0'..=b'9') => Some(Before::Letter),
        (Before::Letter, b'/') => Some(Before::Slash),
        (Before::Letter, b'_') => Some(Before::Underscore),
        (Before::Letter, b'.') | (Before::Underscore, b'_') => Some(Before::Separator),
        (Before::Letter | Before::Dashes, b'-') => Some(Before::Dashes),
        _ => None,
    };
    name.iter().try_fold(Before::Slash, step) == Some(Before::Letter)
}

/// Returns true for `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
#[must_use]
pub fn is_tag(text: &str) -> bool {
    text.len() <= 128
        && !text.starts_with(['.', '-'])
        && !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// Returns true if some server may treat one name of a header field as the other: a CGI-like
/// interface makes letters upper case, and every other character `_`.
#[must_use]
pub fn is_read_as(name: &[u8], other: &str) -> bool {
    let folded = |byte: u8| {
        if byte.is_ascii_alphanumeric() {
            byte.to_ascii_lowercase()
        } else {
            b'-'
        }
    };
    name.len() == other.len()
        && name
            .iter()
            .zip(other.bytes())
            // Most proxies write names in lower case, and most fields are what they are called.
            .all(|(byte, other)| *byte == other || folded(*byte) == folded(other))
}
