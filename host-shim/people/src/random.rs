//! Random values.

use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The system gives no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct NoRandomBytes;

/// Returns random bytes that nobody can guess.
///
/// # Errors
/// The system gives none.
pub fn bytes<const LENGTH: usize>() -> Result<[u8; LENGTH], NoRandomBytes> {
    let mut bytes = [0; LENGTH];
    rand::fill(&mut bytes).map_err(|_| NoRandomBytes)?;
    Ok(bytes)
}

/// Returns `LENGTH` random bytes in base64url.
///
/// # Errors
/// The system gives none.
pub fn text<const LENGTH: usize>() -> Result<String, NoRandomBytes> {
    Ok(URL_SAFE_NO_PAD.encode(bytes::<LENGTH>()?))
}
