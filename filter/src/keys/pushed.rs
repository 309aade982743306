//! What is known of a pushed key set.

use std::time::Duration;

use log::warn;
use registry_auth::authn::keys::{KeySet, KeysError, SigningKey, Skipped};
use registry_auth::authn::source::SourceKind;
use registry_auth::envelope::{PushKey, PushedKeys};
use registry_auth::time::UnixTime;

use crate::metrics::Metrics;
use crate::shared;

/// How long a request waits for the shim to push what is wanted.
const TIMEOUT: Duration = Duration::from_secs(4);

#[derive(Default)]
pub(crate) struct Pushed {
    /// Version of the value in shared data that was looked at last.
    seen: Option<u32>,
    generation: u64,
    not_after: Option<UnixTime>,
    wanted_since: Option<UnixTime>,
}

/// A pushed set that was read. The key that signs, if it has one.
pub(crate) struct Read {
    pub(crate) set: KeySet,
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) signing: Option<SigningKey>,
}

impl Pushed {
    /// Lets the shim know that the set is wanted.
    pub(crate) fn want(&mut self, set: &str, now: UnixTime) {
        self.wanted_since = Some(now);
        shared::want(set, self.generation);
    }

    /// Whether the set that was taken last is over.
    pub(crate) fn has_ended(&self, now: UnixTime) -> bool {
        self.not_after.is_some_and(|end| end <= now)
    }

    /// A set that is newer than the last one, if shared data has one.
    pub(crate) fn newer(&mut self, set: &str, key: &PushKey, metrics: &Metrics, now: UnixTime) -> Option<PushedKeys> {
        let stored = shared::changed(set, self.seen, key, now).ok()??;
        self.seen = Some(stored.version);
        match stored.keys {
            Ok(pushed) if pushed.generation > self.generation => {
                self.generation = pushed.generation;
                self.not_after = Some(pushed.not_after);
                self.wanted_since = None;
                Some(pushed)
            }
            Ok(_) => None,
            Err(why) => {
                metrics.count("keys.push_refused");
                warn!("what stands in shared data for the set `{set}` is not used: {why}");
                None
            }
        }
    }

    /// Whether what is wanted did not come in time; said once.
    pub(crate) fn is_overdue(&mut self, now: UnixTime) -> bool {
        let overdue = self.wanted_since.is_some_and(|since| now < since || now.since(since) >= TIMEOUT);
        if overdue {
            self.wanted_since = None;
        }
        overdue
    }
}

/// Reads the keys of a set for a source of this kind.
pub(crate) fn read(kind: &SourceKind, jwks: &serde_json::Value) -> Result<Read, KeysError> {
    if matches!(kind, SourceKind::Signing(_)) {
        let (key, set) = SigningKey::from_jwks_value(jwks)?;
        return Ok(Read { set, skipped: Vec::new(), signing: Some(key) });
    }
    let loaded = KeySet::from_jwks_value(jwks)?;
    Ok(Read { set: loaded.keys, skipped: loaded.skipped, signing: None })
}
