//! The bearer token that an issuer wants to see before it tells its keys.

use std::path::Path;

use hyper::header::HeaderValue;
use registry_auth_engine::authn::credential::is_b64token;

use crate::file::{self, FileError};

/// The longest token that is read, bytes.
const MAX_TOKEN: u64 = 64 * 1024;

/// Why a file holds no token. No message holds a part of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TokenError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Nothing but blanks.
    #[error("the file `{0}` is empty")]
    Empty(String),
    /// Something that cannot stand in a header.
    #[error("the file `{0}` does not hold one token (RFC 6750 section 2.1)")]
    NotAToken(String),
}

/// Reads the value of `Authorization` from the file with the token; blanks around it do not count.
///
/// # Errors
/// See [`TokenError`].
pub(crate) fn authorization(path: &Path) -> Result<HeaderValue, TokenError> {
    let content = file::read(path, MAX_TOKEN)?;
    let token = content.trim_ascii();
    let name = || path.to_string_lossy().escape_debug().to_string();
    if token.is_empty() {
        return Err(TokenError::Empty(name()));
    }
    let value = [b"Bearer ", token].concat();
    let value = HeaderValue::from_bytes(&value).ok().filter(|_| is_b64token(token));
    let mut value = value.ok_or_else(|| TokenError::NotAToken(name()))?;
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
                    assert!(message.contains(expected) && !message.contains("tops3cret"), "{message}");
                }
                (found, expected) => panic!("{found:?} in place of {expected:?}"),
            }
        }
        std::fs::remove_file(&path).unwrap();
        assert!(authorization(&path).unwrap_err().to_string().starts_with("cannot read `"));
    }
}
