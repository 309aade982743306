//! Seals, signs and verifies messages with the push key; no other module has access to the key.

use std::ffi::OsString;
use std::fmt::Write as _;

use anyhow::Context;
use registry_auth_engine::keys::envelope::{
    ExchangeError, NONCE_LENGTH, PushKey, PushRequest, PushResponse, PushedKeys, seal,
};
use registry_auth_engine::time::UnixTime;
use rustls::crypto::aws_lc_rs::default_provider;

use crate::refresh::Published;

const KEY: &str = "REGISTRY_AUTH_PUSH_KEY";
/// Bytes of the nonce of a request.
const REQUEST_NONCE: usize = 32;

/// The push key.
pub(crate) struct Seal(PushKey);

/// The system has no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system has no random bytes")]
pub(crate) struct NoRandomBytes;

impl Seal {
    /// Reads the push key from the environment variable `REGISTRY_AUTH_PUSH_KEY`.
    ///
    /// # Errors
    /// The variable is not set, or its value is too short.
    pub(crate) fn from_environment() -> anyhow::Result<Self> {
        let key = std::env::var_os(KEY).with_context(|| {
            format!(
                "`{KEY}` is not set, it must hold the push key of the filter, at least 32 bytes"
            )
        })?;
        Ok(Self(
            PushKey::new(key.as_encoded_bytes())
                .with_context(|| format!("`{KEY}` cannot be used"))?,
        ))
    }

    /// The push key of a proxy of our own: that of an environment variable if it is set, or else a
    /// random one. Returns it with its text, which the other side needs.
    ///
    /// # Errors
    /// The value of the variable is too short, or the system has no random bytes.
    pub(crate) fn of_variable_or_random(name: &str) -> anyhow::Result<(Self, OsString)> {
        let Some(text) = std::env::var_os(name) else {
            let (seal, text) = Self::random()?;
            return Ok((seal, text.into()));
        };
        let key = PushKey::new(text.as_encoded_bytes());
        Ok((
            Self(key.with_context(|| format!("`{name}` cannot be used"))?),
            text,
        ))
    }

    /// Creates a random push key; returns it with its text, which the other side needs.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub(crate) fn random() -> anyhow::Result<(Self, String)> {
        let mut text = String::new();
        for byte in random::<32>()? {
            // A string takes everything.
            let _ = write!(text, "{byte:02x}");
        }
        let key = PushKey::new(text.as_bytes()).context("a random push key cannot be used")?;
        Ok((Self(key), text))
    }

    /// The key itself, for the login service.
    pub(crate) fn push_key(&self) -> PushKey {
        self.0.clone()
    }

    /// Returns the envelope of a set for a push as `generation`.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub(crate) fn seal(
        &self,
        set: &str,
        generation: u64,
        keys: &Published,
    ) -> Result<String, NoRandomBytes> {
        let pushed = PushedKeys {
            set: set.to_owned(),
            generation,
            not_after: keys.not_after,
            keys: keys.jwks.clone(),
        };
        Ok(seal(&pushed, &self.0, &random::<NONCE_LENGTH>()?))
    }

    /// Creates a request: a query for a set, or with `generation` a push of it.
    ///
    /// # Errors
    /// The system has no random bytes.
    pub(crate) fn request(
        set: &str,
        generation: Option<u64>,
        at: UnixTime,
    ) -> Result<PushRequest, NoRandomBytes> {
        Ok(PushRequest {
            set: set.to_owned(),
            nonce: random::<REQUEST_NONCE>()?.to_vec(),
            at,
            generation,
        })
    }

    /// Signs a request; the result is its credential.
    pub(crate) fn sign(&self, request: &PushRequest) -> String {
        request.sign(&self.0)
    }

    /// Verifies and reads the response to a request.
    ///
    /// # Errors
    /// The response is not signed with the push key, or is the response to another request.
    pub(crate) fn verify(
        &self,
        request: &PushRequest,
        status: u16,
        body: &[u8],
    ) -> Result<PushResponse, ExchangeError> {
        PushResponse::verify(body, status, request, &self.0)
    }
}

fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], NoRandomBytes> {
    let mut bytes = [0; LENGTH];
    default_provider()
        .secure_random
        .fill(&mut bytes)
        .map_err(|_| NoRandomBytes)?;
    Ok(bytes)
}
