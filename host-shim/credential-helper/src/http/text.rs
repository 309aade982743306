//! Texts of requests and answers.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// Returns a text as the value of a parameter of a query or a form (RFC 3986 section 2.3).
pub(crate) fn encoded(text: &str) -> String {
    const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Returns the text that is a member of a JSON object.
pub(crate) fn member(text: &str, name: &str) -> Option<String> {
    let answer: Value = serde_json::from_str(text).ok()?;
    answer.get(name)?.as_str().map(str::to_owned)
}
