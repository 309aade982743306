//! The envelope of a pushed set; the only place that calls the engine's sealing.

use anyhow::bail;

use crate::refresh::Published;

const KEY: &str = "REGISTRY_AUTH_PUSH_KEY";

/// Seals sets with the push key.
pub(crate) struct Seal;

impl Seal {
    /// Takes the push key from the environment.
    pub(crate) fn from_environment() -> anyhow::Result<Self> {
        let Some(key) = std::env::var_os(KEY) else {
            bail!("`{KEY}` is not set, it must hold the push key that the filter has, at least 32 bytes");
        };
        if key.len() < 32 {
            bail!("`{KEY}` is too short, the push key must be at least 32 bytes long");
        }
        Ok(Self)
    }

    /// The body of a push.
    pub(crate) fn seal(&self, keys: &Published) -> String {
        // STAND-IN until `envelope::seal` exists.
        serde_json::json!({"set": crate::intake::SET, "generation": keys.generation, "not_after": keys.not_after.millis(), "keys": keys.jwks}).to_string()
    }
}
