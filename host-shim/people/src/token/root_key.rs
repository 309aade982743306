//! The secret that every key of people's logins comes from: of the `sessionKeysFile`, or random.

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::config::SessionKeys;
use crate::random::{self, NoRandomBytes};
use crate::secret::Secret;

const SALT: &[u8] = b"registry-auth session keys 1";

/// A key for one use.
pub type DerivedKey = Zeroizing<[u8; 32]>;

/// The secret. Whoever has it can make a login of anybody.
pub struct RootKey(Hkdf<Sha256>);

/// What a derived key is for. What is made for one use is worth nothing in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The signature of login tokens (Ed25519).
    Signing,
    /// The encryption of the cookie `ra_login`, which holds a login at a provider in progress.
    LoginState,
    /// The encryption of what is in a store that others read.
    Store,
}

impl Purpose {
    const fn info(self) -> &'static [u8] {
        match self {
            Self::Signing => b"registry-auth login 1 signing",
            Self::LoginState => b"registry-auth login 1 state",
            Self::Store => b"registry-auth login 1 store",
        }
    }
}

impl RootKey {
    /// The secret of all replicas that have the same file: HKDF-Extract (RFC 5869 section 2.2).
    #[must_use]
    pub fn shared(keys: &SessionKeys) -> Self {
        // With the length of the first, no other pair is the same text.
        let hash = keys.hash_key.expose();
        let length = u64::try_from(hash.len()).unwrap_or(u64::MAX).to_be_bytes();
        let encrypt = keys.encrypt_key.as_ref().map_or(&[][..], Secret::expose);
        let material = Zeroizing::new([&length, hash, encrypt].concat());
        Self(Hkdf::new(Some(SALT), &material))
    }

    /// A secret of this process alone: its sessions end with it, and no other replica knows them.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub fn random() -> Result<Self, NoRandomBytes> {
        let secret = Zeroizing::new(random::bytes::<32>()?);
        Ok(Self(Hkdf::new(Some(SALT), &*secret)))
    }

    /// The key for a purpose: HKDF-Expand (RFC 5869 section 2.3).
    #[must_use]
    pub fn derive(&self, purpose: Purpose) -> DerivedKey {
        let mut key = Zeroizing::new([0; 32]);
        // Fails only for more than 8160 bytes.
        let expanded = self.0.expand(purpose.info(), &mut *key);
        debug_assert!(expanded.is_ok(), "32 bytes are one block");
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(hash: &str, encrypt: &str) -> RootKey {
        let secret = |text: &str| Secret::new(text.as_bytes().to_vec());
        RootKey::shared(&SessionKeys {
            hash_key: secret(hash),
            encrypt_key: (!encrypt.is_empty()).then(|| secret(encrypt)),
        })
    }

    #[test]
    fn the_same_file_gives_the_same_keys_and_each_purpose_another() {
        let purposes = [Purpose::Signing, Purpose::LoginState, Purpose::Store];
        for (index, purpose) in purposes.into_iter().enumerate() {
            let key = shared("a", "bc").derive(purpose);
            assert_eq!(key, shared("a", "bc").derive(purpose));
            for (hash, encrypt) in [("b", "bc"), ("a", ""), ("abc", ""), ("ab", "c")] {
                assert_ne!(
                    key,
                    shared(hash, encrypt).derive(purpose),
                    "{hash} {encrypt}"
                );
            }
            assert_ne!(key, RootKey::random().unwrap().derive(purpose));
            assert_ne!(*key, [0; 32]);
            for other in purposes.into_iter().take(index) {
                assert_ne!(
                    key,
                    shared("a", "bc").derive(other),
                    "{purpose:?} {other:?}"
                );
            }
        }
    }
}
