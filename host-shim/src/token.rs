//! Reads the bearer token for issuers that require one.

use std::path::Path;

use hyper::header::HeaderValue;
use registry_auth_engine::authn::credential::is_b64token;

use crate::file::{self, FileError};

/// The longest token file that is read, in bytes.
const MAX_TOKEN: u64 = 64 * 1024;

/// Why a token file cannot be used. No message holds a part of its content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file holds nothing but white space.
    #[error("the file `{0}` is empty")]
    Empty(String),
    /// The content is not a `b64token`.
    #[error("the file `{0}` does not hold one token (RFC 6750 section 2.1)")]
    NotAToken(String),
}

/// Reads a token from a file and returns the value of `Authorization`. White space around the token
/// is ignored.
///
/// # Errors
/// See [`TokenError`].
pub(crate) fn authorization(path: &Path) -> Result<HeaderValue, TokenError> {
    let content = file::read(path, MAX_TOKEN)?;
    let token = content.trim_ascii();
    if token.is_empty() {
        return Err(TokenError::Empty(file::shown(path)));
    }
    let value = [b"Bearer ", token].concat();
    let mut value = HeaderValue::from_bytes(&value)
        .ok()
        .filter(|_| is_b64token(token))
        .ok_or_else(|| TokenError::NotAToken(file::shown(path)))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_one_token_or_says_what_it_holds_instead() {
        let path = std::env::temp_dir().join(format!("registry-auth-token-{}", std::process::id()));
        let long = "a".repeat(64 * 1024 + 1);
        let rows = [
            ("eyJ.abc-_~+/=.x\n", Ok("Bearer eyJ.abc-_~+/=.x")),
            ("  a \r\n", Ok("Bearer a")),
            (" \n", Err("is empty")),
            ("", Err("is empty")),
            ("Bearer tops3cret", Err("does not hold one token")),
            ("tops3cret\ntops3cret", Err("does not hold one token")),
            ("tops3cr\u{e9}t", Err("does not hold one token")),
            (&long, Err("is longer than 65536 bytes")),
        ];
        for (content, expected) in rows {
            std::fs::write(&path, content).unwrap();
            match (authorization(&path), expected) {
                (Ok(value), Ok(expected)) => {
                    assert_eq!(value.to_str().unwrap(), expected);
                    assert!(value.is_sensitive());
                }
                (Err(error), Err(expected)) => {
                    let message = error.to_string();
                    assert!(
                        message.contains(expected) && !message.contains("tops3cret"),
                        "{message}"
                    );
                }
                (found, expected) => panic!("{found:?} in place of {expected:?}"),
            }
        }
        std::fs::remove_file(&path).unwrap();
        assert!(
            authorization(&path)
                .unwrap_err()
                .to_string()
                .starts_with("cannot read `")
        );
    }
}
