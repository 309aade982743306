//! What is known of a pushed key set.

use std::time::Duration;

use log::warn;
use registry_auth::authn::key_cache::Cause;
use registry_auth::authn::keys::{KeySet, KeysError, SigningKey, Skipped};
use registry_auth::authn::source::SourceKind;
use registry_auth::envelope::{PushKey, PushedKeys, is_ahead, made};
use registry_auth::time::UnixTime;

use crate::metrics::Metrics;
use crate::pushed_store;

/// How long requests wait for the shim to push a set where there is none.
const SET_TIMEOUT: Duration = Duration::from_secs(4);
/// How long they wait for one with an unknown key: the shim asks its source at most every five seconds for that.
const KEY_TIMEOUT: Duration = Duration::from_secs(9);

#[derive(Default)]
pub(crate) struct Pushed {
    /// Version of the value in shared data that was looked at last.
    seen: Option<u32>,
    generation: u64,
    not_after: Option<UnixTime>,
    wanted: Option<Want>,
}

/// What was asked of the shim.
#[derive(Clone, Copy)]
struct Want {
    since: UnixTime,
    timeout: Duration,
}

impl Want {
    fn is_overdue(self, now: UnixTime) -> bool {
        now < self.since || now.since(self.since) >= self.timeout
    }
}

/// A pushed set that was read. The key that signs, if it has one.
pub(crate) struct Read {
    pub(crate) set: KeySet,
    pub(crate) skipped: Vec<Skipped>,
    pub(crate) signing: Option<SigningKey>,
}

impl Pushed {
    /// Lets the shim know that a newer set is wanted. Those who ask again do not make the others wait longer.
    pub(crate) fn want(&mut self, set: &str, cause: Cause, now: UnixTime) {
        let timeout = if cause == Cause::UnknownKey { KEY_TIMEOUT } else { SET_TIMEOUT };
        self.wanted.get_or_insert(Want { since: now, timeout });
        pushed_store::want(set, self.generation);
    }

    /// Whether the set that was taken last is over.
    pub(crate) fn has_ended(&self, now: UnixTime) -> bool {
        self.not_after.is_some_and(|end| end <= now)
    }

    /// A set that is newer than the last one, if shared data has one. It is used for `max_stale` at most, whatever it says.
    pub(crate) fn newer(
        &mut self,
        set: &str,
        max_stale: Duration,
        key: &PushKey,
        metrics: &Metrics,
        now: UnixTime,
    ) -> Option<PushedKeys> {
        let stored = pushed_store::changed(set, self.seen, key, now).ok()??;
        self.seen = Some(stored.version);
        match stored.keys {
            Ok(pushed) if self.is_followed_by(pushed.generation, now) => {
                self.generation = pushed.generation;
                self.not_after = Some(pushed.not_after.min(made(pushed.generation).min(now).after(max_stale)));
                self.wanted = None;
                Some(pushed)
            }
            Ok(_) => None,
            Err(why) => {
                metrics.increment_now("keys.push_refused");
                warn!("what stands in shared data for the set `{set}` is not used: {why}");
                None
            }
        }
    }

    /// Whether a set of this generation may replace the last one. One that has ended, or that a clock which was ahead has made,
    /// holds nothing up.
    fn is_followed_by(&self, generation: u64, now: UnixTime) -> bool {
        generation > self.generation || self.has_ended(now) || is_ahead(self.generation, now)
    }

    /// Whether what is wanted did not come in time; said once.
    pub(crate) fn is_overdue(&mut self, now: UnixTime) -> bool {
        self.wanted.take_if(|wanted| wanted.is_overdue(now)).is_some()
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
