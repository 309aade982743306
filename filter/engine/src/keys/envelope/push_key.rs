//! The push key, and the keys that are derived from it.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The shortest push key, in bytes: as long as the hash (RFC 7518 section 3.2).
pub const MIN_KEY: usize = 32;

/// The secret that the shim and the filter share. It keys nothing itself: each use has a derived
/// key of its own, so that what is made for one use is worth nothing in another.
#[derive(Clone)]
pub struct PushKey(Vec<u8>);

/// A derived key.
pub(crate) type DerivedKey = [u8; 32];

/// What a derived key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The MAC of an envelope.
    Envelope,
    /// The MAC of a request to the intake.
    Request,
    /// The MAC of what the intake answers.
    Response,
    /// The encryption of private keys.
    Encryption,
    /// The MAC of what workers tell each other of their fetches.
    SharedFetches,
    /// The MAC of a question to the login service.
    Login,
    /// The MAC of what the filter says of a caller to the login service.
    Caller,
    /// The encryption of records for clients.
    Trace,
}

impl Purpose {
    const fn info(self) -> &'static [u8] {
        match self {
            Self::Envelope => b"registry-auth push 2 envelope",
            Self::Request => b"registry-auth push 2 request",
            Self::Response => b"registry-auth push 2 response",
            Self::Encryption => b"registry-auth push 2 encryption",
            Self::SharedFetches => b"registry-auth shared fetches",
            Self::Login => b"registry-auth push 2 login",
            Self::Caller => b"registry-auth push 2 caller",
            Self::Trace => b"registry-auth record 1 trace",
        }
    }
}

/// The push key is shorter than [`MIN_KEY`] bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the push key is shorter than 32 bytes")]
pub struct PushKeyTooShort;

impl PushKey {
    /// Takes a key as it is, as bytes.
    ///
    /// # Errors
    /// When it is shorter than [`MIN_KEY`].
    pub fn new(key: &[u8]) -> Result<Self, PushKeyTooShort> {
        if key.len() < MIN_KEY {
            Err(PushKeyTooShort)
        } else {
            Ok(Self(key.to_vec()))
        }
    }

    /// The key for a purpose: the first block of HKDF-Expand (RFC 5869 section 2.3) with the push
    /// key as PRK.
    pub(crate) fn derive(&self, purpose: Purpose) -> Option<DerivedKey> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        Some(
            mac.chain_update(purpose.info())
                .chain_update([1])
                .finalize()
                .into_bytes()
                .into(),
        )
    }
}

impl fmt::Debug for PushKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PushKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_push_key_is_refused_and_none_is_shown() {
        assert_eq!(PushKey::new(&[1; MIN_KEY - 1]).err(), Some(PushKeyTooShort));
        assert_eq!(
            format!("{:?}", PushKey::new(&[65; MIN_KEY]).unwrap()),
            "PushKey([redacted])"
        );
    }

    #[test]
    fn each_purpose_has_a_key_of_its_own() {
        let key = PushKey::new(&[1; MIN_KEY]).unwrap();
        let purposes = [
            Purpose::Envelope,
            Purpose::Request,
            Purpose::Response,
            Purpose::Encryption,
            Purpose::SharedFetches,
            Purpose::Login,
            Purpose::Caller,
            Purpose::Trace,
        ];
        for (index, purpose) in purposes.into_iter().enumerate() {
            let derived = key.derive(purpose).unwrap();
            assert_ne!(derived, [1; MIN_KEY]);
            let others = purposes
                .iter()
                .take(index)
                .filter(|other| key.derive(**other) == Some(derived));
            assert_eq!(others.count(), 0, "{purpose:?}");
            assert_ne!(
                PushKey::new(&[2; MIN_KEY]).unwrap().derive(purpose),
                Some(derived)
            );
        }
    }
}
