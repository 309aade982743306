//! What is made with the push key, and what is believed by it; the only place that knows the key.

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

/// Makes and believes with the push key.
pub(crate) struct Seal(PushKey);

/// The system has no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system has no random bytes")]
pub(crate) struct NoRandomBytes;

impl Seal {
    /// Takes the push key from the environment.
    ///
    /// # Errors
    /// It is not there, or too short.
    pub(crate) fn from_environment() -> anyhow::Result<Self> {
        let key = std::env::var_os(KEY).with_context(|| {
            format!("`{KEY}` is not set, it must hold the push key of the filter, at least 32 bytes")
        })?;
        Ok(Self(PushKey::new(key.as_encoded_bytes()).with_context(|| format!("`{KEY}` cannot be used"))?))
    }

    /// The body of a push of a set as `generation`.
    ///
    /// # Errors
    /// There are no random bytes.
    pub(crate) fn seal(&self, set: &str, generation: u64, keys: &Published) -> Result<String, NoRandomBytes> {
        let pushed = PushedKeys { set: set.to_owned(), generation, not_after: keys.not_after, keys: keys.jwks.clone() };
        Ok(seal(&pushed, &self.0, &random::<NONCE_LENGTH>()?))
    }

    /// A new request for a set, or to push the set of this generation.
    ///
    /// # Errors
    /// There are no random bytes.
    pub(crate) fn request(set: &str, generation: Option<u64>, at: UnixTime) -> Result<PushRequest, NoRandomBytes> {
        Ok(PushRequest { set: set.to_owned(), nonce: random::<REQUEST_NONCE>()?.to_vec(), at, generation })
    }

    /// What a request says of itself.
    pub(crate) fn sign(&self, request: &PushRequest) -> String {
        request.sign(&self.0)
    }

    /// Reads the answer to a request.
    ///
    /// # Errors
    /// It is not one of an intake with the push key to this request.
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
    default_provider().secure_random.fill(&mut bytes).map_err(|_| NoRandomBytes)?;
    Ok(bytes)
}
