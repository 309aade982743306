//! The envelope of a pushed set; the only place that calls the engine's sealing.

use anyhow::Context;
use registry_auth::envelope::{PushKey, PushedKeys, seal};

use crate::refresh::Published;

const KEY: &str = "REGISTRY_AUTH_PUSH_KEY";

/// Seals sets with the push key.
pub(crate) struct Seal(PushKey);

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

    /// The body of a push to a set.
    pub(crate) fn seal(&self, set: &str, keys: &Published) -> String {
        let pushed = PushedKeys {
            set: set.to_owned(),
            generation: keys.generation,
            not_after: keys.not_after,
            keys: keys.jwks.clone(),
        };
        seal(&pushed, &self.0)
    }
}
