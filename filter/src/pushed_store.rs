//! Shared data between the intake and the filters of one proxy process: names and values.

use registry_auth_engine::keys::envelope::{self, EnvelopeError, PushKey, PushedKeys};
use registry_auth_engine::time::UnixTime;

use crate::host::{self, HostError};

/// A pushed set in shared data.
pub(crate) struct Stored {
    /// The version of the value in the store; changes with every write.
    pub(crate) version: u32,
    /// The set, if it is authentic and has not expired.
    pub(crate) keys: Result<PushedKeys, EnvelopeError>,
}

/// Returns a set if the version of its value is not `known`; the value is not opened otherwise.
pub(crate) fn changed(
    set: &str,
    known: Option<u32>,
    key: &PushKey,
    now: UnixTime,
) -> Result<Option<Stored>, HostError> {
    let stored = host::shared(&keys_name(set))?.filter(|(_, version)| known != Some(*version));
    Ok(stored.map(|(value, version)| Stored {
        version,
        keys: open(set, &value, key, now),
    }))
}

/// Returns a set.
pub(crate) fn load(set: &str, key: &PushKey, now: UnixTime) -> Result<Option<Stored>, HostError> {
    changed(set, None, key, now)
}

/// Writes an envelope that was checked.
pub(crate) fn store(set: &str, envelope: &[u8], version: Option<u32>) -> Result<(), HostError> {
    host::set_shared(&keys_name(set), envelope, version)
}

/// Reports to the intake that a filter which holds the set of this generation, 0 for none, met a
/// key id that is not in it.
pub(crate) fn want(set: &str, generation: u64) {
    // If it cannot be noted, the shim's own refresh brings the keys later.
    let _ = host::set_shared(&wanted_name(set), generation.to_string().as_bytes(), None);
}

/// Returns the generation beyond which a filter wants the set. Not a time: the clock of the shim
/// may differ.
pub(crate) fn wanted_beyond(set: &str) -> Option<u64> {
    // If it cannot be read, the shim's own refresh brings the keys later.
    let (value, _) = host::shared(&wanted_name(set)).ok()??;
    std::str::from_utf8(&value).ok()?.parse().ok()
}

/// On some hosts every plugin of the proxy can write here, so the envelope is checked again
/// whenever it is read.
fn open(
    set: &str,
    value: &[u8],
    key: &PushKey,
    now: UnixTime,
) -> Result<PushedKeys, EnvelopeError> {
    let keys = envelope::open(value, key, now)?;
    if keys.set == set {
        Ok(keys)
    } else {
        Err(EnvelopeError::Malformed)
    }
}

fn keys_name(set: &str) -> String {
    format!("registry-auth/keys/2/{set}")
}

fn wanted_name(set: &str) -> String {
    format!("registry-auth/wanted/2/{set}")
}
