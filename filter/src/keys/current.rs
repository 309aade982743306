//! The keys that decisions use now.

use std::sync::Arc;

use registry_auth_engine::keys::cache::FetchedKeys;
use registry_auth_engine::keys::envelope::PushKey;
use registry_auth_engine::keys::source::{KeyRing, Keys, Source, SourceId};
use registry_auth_engine::time::UnixTime;

use crate::metrics::Metrics;

/// What a source works with during one callback.
pub(super) struct Context<'a> {
    pub(super) current: &'a mut CurrentKeys,
    pub(super) push_key: Option<&'a PushKey>,
    pub(super) metrics: &'a Metrics,
    pub(super) now: UnixTime,
}

/// The keys of all sources, and a version that changes with them.
pub(super) struct CurrentKeys {
    pub(super) held: KeyRing,
    version: u64,
}

impl CurrentKeys {
    /// Inline keys are there from the start.
    pub(super) fn of(sources: &[Source]) -> Self {
        Self {
            held: KeyRing::of(sources),
            version: 0,
        }
    }

    /// Replaces the keys of a source; identities that were authenticated with the old ones are
    /// authenticated again. Returns false if the same keys are held already.
    pub(super) fn replace(&mut self, id: SourceId, keys: FetchedKeys) -> bool {
        let same = |held: &&Keys| *held.set == keys.set && held.algorithms == keys.algorithms;
        if let Some(held) = self.held.get(id).filter(same) {
            if held.ended == keys.ended {
                return false;
            }
            // Who is known stays known, unless it was ended, which is looked up each time.
            let keys = Keys {
                ended: keys.ended,
                ..held.clone()
            };
            self.held.set(id, Some(keys));
            return true;
        }
        self.version = self.version.wrapping_add(1);
        let keys = Keys {
            set: Arc::new(keys.set),
            algorithms: keys.algorithms,
            version: self.version,
            ended: keys.ended,
        };
        self.held.set(id, Some(keys));
        true
    }

    /// Drops the keys of a source. Returns false if none are held.
    pub(super) fn drop_keys(&mut self, id: SourceId) -> bool {
        let is_held = self.held.get(id).is_some();
        if is_held {
            self.held.set(id, None);
        }
        is_held
    }

    /// Returns how many keys of a source are held.
    pub(super) fn count(&self, id: SourceId) -> usize {
        self.held.get(id).map_or(0, |keys| keys.set.len())
    }
}
