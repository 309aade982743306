//! `private_key_jwt`: a client proves itself by a signed assertion (RFC 7523 section 2.2).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use registry_auth_engine::UnixTime;
use serde_json::json;
use zeroize::Zeroizing;

use super::error::{Reason, SocialError};
use crate::random;

/// How long an assertion is valid. It is used at once.
const LIFETIME: Duration = Duration::from_mins(5);

/// A private key of a client. Its `Debug` shows none of it.
#[derive(Clone)]
pub struct AssertionKey {
    id: Option<String>,
    key: Arc<Key>,
}

enum Key {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// Why a private key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssertionKeyError {
    /// It is no PEM text of one private key.
    #[error("is not the PEM text of a private key (PKCS#8, PKCS#1 or SEC 1)")]
    NotPem,
    /// It is no RSA key of 2048 bits or more, no P-256 key and no Ed25519 key.
    #[error("is not an RSA key of at least 2048 bits, a P-256 key or an Ed25519 key")]
    Unsupported,
}

impl AssertionKey {
    /// Reads the PEM text of a key; `id` is the key id under which the provider knows it.
    ///
    /// # Errors
    /// See [`AssertionKeyError`].
    pub fn from_pem(text: &str, id: Option<&str>) -> Result<Self, AssertionKeyError> {
        let pem = pem::parse(text).map_err(|_| AssertionKeyError::NotPem)?;
        let tag = pem.tag().to_owned();
        let der = Zeroizing::new(pem.into_contents());
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let rsa = || RsaKeyPair::from_der(&der).map(Key::Rsa);
        let key = match tag.as_str() {
            "RSA PRIVATE KEY" => rsa().ok(),
            "EC PRIVATE KEY" => EcdsaKeyPair::from_private_key_der(algorithm, &der)
                .map(Key::P256)
                .ok(),
            "PRIVATE KEY" => RsaKeyPair::from_pkcs8(&der)
                .map(Key::Rsa)
                .or_else(|_| EcdsaKeyPair::from_pkcs8(algorithm, &der).map(Key::P256))
                .or_else(|_| Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map(Key::Ed25519))
                .ok(),
            _ => return Err(AssertionKeyError::NotPem),
        };
        Ok(Self {
            id: id.filter(|id| !id.is_empty()).map(str::to_owned),
            key: Arc::new(key.ok_or(AssertionKeyError::Unsupported)?),
        })
    }

    /// Returns an assertion that `client_id` asks at `audiences`.
    ///
    /// # Errors
    /// There are no random bytes.
    pub(super) fn sign(
        &self,
        client_id: &str,
        audiences: &[&str],
        now: UnixTime,
    ) -> Result<Zeroizing<String>, SocialError> {
        let mut header = json!({ "alg": self.algorithm(), "typ": "JWT" });
        if let (Some(id), Some(members)) = (&self.id, header.as_object_mut()) {
            members.insert("kid".to_owned(), id.as_str().into());
        }
        let claims = json!({
            "iss": client_id,
            "sub": client_id,
            "aud": audiences,
            "jti": random::text::<16>()?,
            "iat": now.secs(),
            "exp": now.after(LIFETIME).secs(),
        });
        let encode = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(header), encode(claims));
        let signature = self
            .signature(message.as_bytes())
            .ok_or_else(|| Reason::Internal.because("the client assertion cannot be signed"))?;
        Ok(Zeroizing::new(format!(
            "{message}.{}",
            URL_SAFE_NO_PAD.encode(signature)
        )))
    }

    fn algorithm(&self) -> &'static str {
        match *self.key {
            Key::Rsa(_) => "RS256",
            Key::P256(_) => "ES256",
            Key::Ed25519(_) => "EdDSA",
        }
    }

    fn signature(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &*self.key {
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .ok()?;
                Some(signature)
            }
            Key::P256(key) => Some(key.sign(&random, message).ok()?.as_ref().to_vec()),
            Key::Ed25519(key) => Some(key.sign(message).as_ref().to_vec()),
        }
    }
}

impl fmt::Debug for AssertionKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AssertionKey([redacted])")
    }
}
