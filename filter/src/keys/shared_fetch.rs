//! The fetches of one source as workers share them: reading and writing of shared data.

use log::warn;
use registry_auth::authn::key_cache::{FetchState, FetchedKeys, Share, ShareError};

use crate::host;
use crate::metrics::Metrics;

/// A version that no value has. A first write looks at no version, so a second first write, which does, must name one.
const FIRST: u32 = u32::MAX;

/// What stands in shared data of one source, and what was seen of it.
pub(crate) struct SharedFetch {
    share: Share,
    /// Version of the state that was read last.
    seen: Option<u32>,
}

impl SharedFetch {
    pub(crate) const fn new(share: Share) -> Self {
        Self { share, seen: None }
    }

    /// The state, if another one stands there than was read last.
    pub(crate) fn changed(&mut self, metrics: &Metrics) -> Option<FetchState> {
        let (value, version) = host::shared(self.share.state_name()).ok()??;
        if self.seen.replace(version) == Some(version) {
            return None;
        }
        accept(self.share.open_state(&value), metrics)
    }

    /// Writes a state that came out of the one that was read last. If somebody else was first, gives theirs.
    ///
    /// A store that cannot be written to, or that somebody damages, makes nobody lose: each worker is alone then.
    pub(crate) fn write(&mut self, state: &FetchState, metrics: &Metrics) -> Option<FetchState> {
        let value = self.share.seal_state(state);
        let _ = host::set_shared(self.share.state_name(), &value, Some(self.seen.unwrap_or(FIRST)));
        // On some hosts two first writes both succeed: what stands there decides.
        self.seen = None;
        let found = self.changed(metrics)?;
        (found != *state && !state.is_after(&found)).then_some(found)
    }

    /// The keys that were fetched last.
    pub(crate) fn keys(&self, metrics: &Metrics) -> Option<FetchedKeys> {
        let (value, _) = host::shared(self.share.keys_name()).ok()??;
        accept(self.share.open_keys(&value), metrics)
    }

    /// Lets the others have keys. They read them as soon as a state tells of them.
    pub(crate) fn publish(&self, keys: &FetchedKeys) {
        let value = self.share.seal_keys(&keys.set, keys.algorithms.as_deref(), keys.life);
        // If it cannot be written the others find nothing new, and fetch for themselves.
        let _ = host::set_shared(self.share.keys_name(), &value, None);
    }
}

/// On some hosts every plugin of the proxy can write here: what is not ours is as good as absent.
fn accept<T>(read: Result<T, ShareError>, metrics: &Metrics) -> Option<T> {
    read.inspect_err(|why| {
        metrics.increment_now("keys.share_refused");
        warn!("what stands in shared data for the fetches of keys is not used: {why}");
    })
    .ok()
}
