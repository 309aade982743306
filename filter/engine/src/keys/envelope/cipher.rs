//! Encryption with keys that are derived from the push key: XChaCha20-Poly1305
//! (draft-irtf-cfrg-xchacha-03).
//!
//! The nonce is long enough to be chosen at random by any number of senders with the same key.

use chacha20poly1305::aead::{Aead as _, KeyInit as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use serde_json::Value;

use super::jws::{decode, encode};
use super::push_key::{Purpose, PushKey};
use crate::json;
use crate::time::UnixTime;

/// Bytes of a nonce.
pub const NONCE_LENGTH: usize = 24;

/// What a ciphertext is bound to: moved to another envelope, it does not open.
#[derive(Clone, Copy)]
pub(super) struct Binding<'a> {
    pub(super) set: &'a str,
    pub(super) generation: u64,
    pub(super) not_after: UnixTime,
}

impl Binding<'_> {
    /// The name comes last, so that no other fields give the same text.
    fn text(self) -> String {
        format!("{} {} {}", self.generation, self.not_after.secs(), self.set)
    }
}

/// Encrypts a JWKS: BASE64URL of nonce, ciphertext and tag.
pub(super) fn encrypt(
    keys: &Value,
    binding: Binding<'_>,
    key: &PushKey,
    nonce: &[u8; NONCE_LENGTH],
) -> Option<String> {
    let cipher = Cipher::of(key, Purpose::Encryption)?;
    cipher.seal(&keys.to_string(), &binding.text(), nonce)
}

/// Decrypts a JWKS.
pub(super) fn decrypt(sealed: &str, binding: Binding<'_>, key: &PushKey) -> Option<Value> {
    let cipher = Cipher::of(key, Purpose::Encryption)?;
    json::parse(&cipher.open(sealed, &binding.text())?).ok()
}

/// A cipher for one purpose.
pub(crate) struct Cipher(XChaCha20Poly1305);

impl Cipher {
    pub(crate) fn of(key: &PushKey, purpose: Purpose) -> Option<Self> {
        let key = key.derive(purpose)?;
        Some(Self(XChaCha20Poly1305::new(&key.into())))
    }

    /// Encrypts a text: BASE64URL of nonce, ciphertext and tag. With another `binding` it does not
    /// open.
    pub(crate) fn seal(
        &self,
        text: &str,
        binding: &str,
        nonce: &[u8; NONCE_LENGTH],
    ) -> Option<String> {
        let payload = Payload {
            msg: text.as_bytes(),
            aad: binding.as_bytes(),
        };
        let ciphertext = self.0.encrypt(&XNonce::from(*nonce), payload).ok()?;
        Some(encode(&[nonce.as_slice(), &ciphertext].concat()))
    }

    /// Decrypts a text.
    pub(crate) fn open(&self, sealed: &str, binding: &str) -> Option<Vec<u8>> {
        let sealed = decode(sealed).ok()?;
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_LENGTH>()?;
        let payload = Payload {
            msg: ciphertext,
            aad: binding.as_bytes(),
        };
        self.0.decrypt(&XNonce::from(*nonce), payload).ok()
    }
}
