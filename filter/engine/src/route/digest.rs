//! Content digests.

use crate::reason::Reason;

/// A digest by the grammar of the OCI image spec ("Digests"), with `%3A` already read as `:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digest(String);

impl Digest {
    /// Reads a digest from a path segment or a query value.
    ///
    /// # Errors
    /// `NotFound` for another percent-escape than `%3A`; `DigestInvalid` when it is no digest.
    /// Registered algorithms must have their own length and lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Result<Self, Reason> {
        let text = if text.contains('%') {
            text.replacen("%3A", ":", 1).replacen("%3a", ":", 1)
        } else {
            text.to_owned()
        };
        if text.contains('%') {
            return Err(Reason::NotFound);
        }
        if text.len() <= 256 && is_digest(&text) {
            Ok(Self(text))
        } else {
            Err(Reason::DigestInvalid)
        }
    }

    /// `algorithm:encoded`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_digest(text: &str) -> bool {
    let Some((algorithm, encoded)) = text.split_once(':') else {
        return false;
    };
    match algorithm {
        "sha256" => is_hex(encoded, 64),
        "sha384" => is_hex(encoded, 96),
        "sha512" => is_hex(encoded, 128),
        other => is_algorithm(other) && is_encoded(encoded),
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// `component ([+._-] component)*` with components of `[a-z0-9]+`.
fn is_algorithm(text: &str) -> bool {
    text.split(['+', '.', '_', '-']).all(|component| {
        !component.is_empty()
            && component
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}

fn is_encoded(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'=' | b'_' | b'-'))
}
