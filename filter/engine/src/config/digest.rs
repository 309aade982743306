//! The digest of a configuration, by which operators tell one from another.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// How many bytes of the hash are in it.
const LENGTH: usize = 8;

/// Returns the beginning of the SHA-256 of a configuration as it is written, in hexadecimal digits.
#[must_use]
pub fn digest(configuration: &[u8]) -> String {
    let hash = Sha256::digest(configuration);
    let mut text = String::with_capacity(2 * LENGTH);
    for byte in hash.iter().take(LENGTH) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_beginning_of_the_hash() {
        assert_eq!(digest(b""), "e3b0c44298fc1c14");
        assert_eq!(digest(b"{}"), "44136fa355b3678a");
    }
}
