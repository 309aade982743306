//! What workers share about one source, in shared data of the host: the state of its fetches, and
//! fetched keys.
//!
//! A value is 32 bytes of MAC and a JSON object. The MAC covers the name and the object, so no
//! value can replace another. Its key comes from the push key if there is one. Without one, values
//! are trusted only in a store that no other plugin writes to: it belongs to one VM id, and whoever
//! puts a plugin into a VM id writes the proxy's configuration.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::{FetchState, Freshness};
use crate::json;
use crate::keys::KeySet;
use crate::keys::algorithm::Algorithm;
use crate::keys::ended::Ended;
use crate::keys::envelope::{Purpose, PushKey};
use crate::keys::fetch::Document;
use crate::keys::source::Callout;

/// A VM id with this prefix declares that no other module has it.
const OWN_VM_ID: &[u8] = b"registry-auth";
/// Of the names and the objects. Workers of two versions of the module share only what both read.
const FORMAT: u32 = 2;
/// The largest value that is read, in bytes.
const MAX_VALUE: usize = 1024 * 1024;
const MAC_LENGTH: usize = 32;

/// The key of the MAC of values in shared data.
#[derive(Clone)]
pub struct SharedDataKey([u8; MAC_LENGTH]);

impl SharedDataKey {
    /// The key of workers that have `push_key`, or else of those whose VM id is their own. `None`:
    /// values in shared data cannot be trusted, and each worker has to fetch for itself.
    #[must_use]
    pub fn choose(push_key: Option<&PushKey>, vm_id: &[u8]) -> Option<Self> {
        match push_key {
            Some(key) => key.derive(Purpose::SharedFetches).map(Self),
            // Not secret, and need not be: the MAC notices damage only.
            None => vm_id
                .starts_with(OWN_VM_ID)
                .then_some(Self([0; MAC_LENGTH])),
        }
    }
}

/// Why a value is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchCodecError {
    /// Longer than 1 MiB.
    #[error("it is larger than 1 MiB")]
    TooLarge,
    /// Made with another key or for another name, or changed.
    #[error("its MAC is wrong")]
    Mac,
    /// The MAC is valid, but the object is not of this format.
    #[error("it is malformed")]
    Malformed,
}

/// Keys that a worker fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedKeys {
    /// The keys.
    pub set: KeySet,
    /// The algorithms that the issuer announced.
    pub algorithms: Option<Arc<[Algorithm]>>,
    /// What their service has ended, for the set of the login service, which is pushed.
    pub ended: Option<Arc<Ended>>,
    /// How long they are used.
    pub freshness: Freshness,
}

/// Names and format of the values of one source.
#[derive(Clone)]
pub struct FetchCodec {
    key: SharedDataKey,
    state_name: String,
    keys_name: String,
}

impl FetchCodec {
    /// The values of the issuer that `callout` asks. Another way of asking, and another key, have
    /// other names: what two configurations hold is never mixed.
    #[must_use]
    pub fn new(callout: &Callout, key: SharedDataKey) -> Self {
        let Callout {
            issuer,
            first,
            cluster,
            jwks_cluster,
        } = callout;
        let of = |document| (first.document == document).then(|| first.url.to_string());
        let (discovery, keys) = (of(Document::Discovery), of(Document::Keys));
        let way = json!([issuer, discovery, keys, cluster, jwks_cluster]).to_string();
        let digest = Sha256::new()
            .chain_update(key.0)
            .chain_update(way)
            .finalize();
        let digest = URL_SAFE_NO_PAD.encode(digest);
        let name = |what| format!("registry-auth/fetch/{FORMAT}/{digest}/{what}");
        Self {
            key,
            state_name: name("state"),
            keys_name: name("keys"),
        }
    }

    /// The name of the value with the state of the fetches.
    #[must_use]
    pub fn state_name(&self) -> &str {
        &self.state_name
    }

    /// The name of the value with the keys that were fetched last.
    #[must_use]
    pub fn keys_name(&self) -> &str {
        &self.keys_name
    }

    /// The value of a state.
    #[must_use]
    pub fn seal_state(&self, state: &FetchState) -> Vec<u8> {
        self.seal(&self.state_name, &state.to_json())
    }

    /// Reads the value under [`Self::state_name`].
    ///
    /// # Errors
    /// See [`FetchCodecError`].
    pub fn open_state(&self, value: &[u8]) -> Result<FetchState, FetchCodecError> {
        FetchState::from_json(&Value::Object(self.open(&self.state_name, value)?))
            .ok_or(FetchCodecError::Malformed)
    }

    /// The value of keys.
    #[must_use]
    pub fn seal_keys(
        &self,
        set: &KeySet,
        algorithms: Option<&[Algorithm]>,
        freshness: Freshness,
    ) -> Vec<u8> {
        let algorithms: Option<Vec<_>> = algorithms.map(|algorithms| {
            algorithms
                .iter()
                .map(|algorithm| algorithm.name())
                .collect()
        });
        self.seal(
            &self.keys_name,
            &json!({ "life": freshness.to_json(), "algorithms": algorithms, "jwks": set.to_jwks() }),
        )
    }

    /// Reads the value under [`Self::keys_name`].
    ///
    /// # Errors
    /// See [`FetchCodecError`].
    pub fn open_keys(&self, value: &[u8]) -> Result<FetchedKeys, FetchCodecError> {
        let members = self.open(&self.keys_name, value)?;
        let member = |name: &str| members.get(name).ok_or(FetchCodecError::Malformed);
        let loaded =
            KeySet::from_jwks_value(member("jwks")?).map_err(|_| FetchCodecError::Malformed)?;
        Ok(FetchedKeys {
            set: loaded.keys,
            algorithms: algorithms(member("algorithms")?)?,
            ended: None,
            freshness: Freshness::from_json(member("life")?).ok_or(FetchCodecError::Malformed)?,
        })
    }

    fn seal(&self, name: &str, object: &Value) -> Vec<u8> {
        let object = object.to_string();
        // A MAC of any key length exists for HMAC; without one every reader refuses the value.
        let mac = self
            .mac(name, object.as_bytes())
            .map(|mac| mac.finalize().into_bytes().to_vec());
        [mac.unwrap_or_default(), object.into_bytes()].concat()
    }

    /// The MAC is checked before anything inside is read.
    fn open(&self, name: &str, value: &[u8]) -> Result<Map<String, Value>, FetchCodecError> {
        if value.len() > MAX_VALUE {
            return Err(FetchCodecError::TooLarge);
        }
        let (mac, object) = value
            .split_at_checked(MAC_LENGTH)
            .ok_or(FetchCodecError::Mac)?;
        self.mac(name, object)
            .ok_or(FetchCodecError::Mac)?
            .verify_slice(mac)
            .map_err(|_| FetchCodecError::Mac)?;
        match json::parse(object) {
            Ok(Value::Object(members)) => Ok(members),
            _ => Err(FetchCodecError::Malformed),
        }
    }

    fn mac(&self, name: &str, object: &[u8]) -> Option<Hmac<Sha256>> {
        let mac = Hmac::<Sha256>::new_from_slice(&self.key.0).ok()?;
        // No name has a zero byte.
        Some(
            mac.chain_update(name)
                .chain_update([0])
                .chain_update(object),
        )
    }
}

/// `null` for none announced; an unknown name makes the whole malformed.
fn algorithms(value: &Value) -> Result<Option<Arc<[Algorithm]>>, FetchCodecError> {
    if value.is_null() {
        return Ok(None);
    }
    let names = value.as_array().ok_or(FetchCodecError::Malformed)?;
    let algorithm = |name: &Value| {
        name.as_str()
            .and_then(Algorithm::from_name)
            .ok_or(FetchCodecError::Malformed)
    };
    names
        .iter()
        .map(algorithm)
        .collect::<Result<_, _>>()
        .map(Some)
}

#[cfg(test)]
mod tests;
