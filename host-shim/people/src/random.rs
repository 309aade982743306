//! Random bytes of the system.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The system has no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system has no random bytes")]
pub struct NoRandomBytes;

/// Returns random bytes.
///
/// # Errors
/// The system has none.
pub fn bytes<const LENGTH: usize>() -> Result<[u8; LENGTH], NoRandomBytes> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(|_| NoRandomBytes)?;
    Ok(bytes)
}

/// Returns `LENGTH` random bytes in base64url.
///
/// # Errors
/// The system has none.
pub fn text<const LENGTH: usize>() -> Result<String, NoRandomBytes> {
    Ok(URL_SAFE_NO_PAD.encode(bytes::<LENGTH>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_made_twice() {
        let texts = [text::<16>().unwrap(), text::<16>().unwrap()];
        assert_ne!(texts[0], texts[1]);
        assert!(texts.iter().all(|text| text.len() == 22), "{texts:?}");
    }
}
