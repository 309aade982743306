//! The fetches of one source as workers share them: reading and writing of shared data.

use log::warn;
use registry_auth_engine::keys::cache::{FetchCodec, FetchCodecError, FetchState, FetchedKeys};

use crate::host;
use crate::metrics::{Counted, Metrics};

/// A version that no value has. A first write ignores the version, so a second first write, which
/// does not, must name one.
const FIRST: u32 = u32::MAX;

/// The entries of one source in shared data.
pub(super) struct LeaseStore {
    codec: FetchCodec,
    /// Version of the state that was read last.
    seen: Option<u32>,
}

impl LeaseStore {
    pub(super) const fn new(codec: FetchCodec) -> Self {
        Self { codec, seen: None }
    }

    /// Returns the shared state if it changed since it was read last.
    pub(super) fn changed(&mut self, metrics: &Metrics) -> Option<FetchState> {
        let (value, version) = host::shared(self.codec.state_name()).ok()??;
        if self.seen.replace(version) == Some(version) {
            return None;
        }
        accept(self.codec.open_state(&value), metrics)
    }

    /// Writes a state that was derived from the one that was read last. Returns the state of
    /// another worker if that one was first.
    ///
    /// If the store cannot be written to, or is damaged, each worker fetches for itself.
    pub(super) fn write(&mut self, state: &FetchState, metrics: &Metrics) -> Option<FetchState> {
        let value = self.codec.seal_state(state);
        let _ = host::set_shared(
            self.codec.state_name(),
            &value,
            Some(self.seen.unwrap_or(FIRST)),
        );
        // On some hosts two first writes both succeed, so the state is read back.
        self.seen = None;
        let found = self.changed(metrics)?;
        (found != *state && !state.is_after(&found)).then_some(found)
    }

    /// Returns the keys that were fetched last, by any worker.
    pub(super) fn keys(&self, metrics: &Metrics) -> Option<FetchedKeys> {
        let (value, _) = host::shared(self.codec.keys_name()).ok()??;
        accept(self.codec.open_keys(&value), metrics)
    }

    /// Gives keys to the other workers, who read them as soon as the shared state says that a fetch
    /// succeeded.
    pub(super) fn publish(&self, keys: &FetchedKeys) {
        let value = self
            .codec
            .seal_keys(&keys.set, keys.algorithms.as_deref(), keys.freshness);
        // If it cannot be written the others find nothing new, and fetch for themselves.
        let _ = host::set_shared(self.codec.keys_name(), &value, None);
    }
}

/// On some hosts every plugin of the proxy can write here: an entry that is not authentic is
/// treated as absent.
fn accept<T>(read: Result<T, FetchCodecError>, metrics: &Metrics) -> Option<T> {
    read.inspect_err(|why| {
        metrics.increment_now(Counted::Plain("keys.share_refused"));
        warn!("the entry in shared data for the fetches of keys is not used: {why}");
    })
    .ok()
}
