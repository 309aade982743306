//! What a worker knows of the keys of one source, however it gets them.

use log::{info, warn};
use registry_auth_engine::keys::Skipped;
use registry_auth_engine::keys::cache::{FetchedKeys, Freshness, Lack, Wanted};
use registry_auth_engine::keys::source::SourceId;
use registry_auth_engine::time::UnixTime;

use super::current::Context;
use super::gauges::{Gauges, SourceSnapshot};
use super::leases::Leases;
use crate::metrics::Counted;

/// How many entries that cannot be used are named in the log after a fetch. A set may have a
/// thousand.
const LOGGED: usize = 20;

/// The keys of one source: how old they are, and the fetches that renew them.
pub(super) struct Supply {
    id: SourceId,
    /// For logs: the issuer, or `bearer`.
    pub(super) name: String,
    pub(super) leases: Leases,
    /// The age of the keys that are held, or were until they were too old.
    pub(super) freshness: Option<Freshness>,
    /// Newer keys were taken since [`Self::take_news`].
    has_news: bool,
    gauges: Gauges,
}

impl Supply {
    /// The state of a source without keys.
    pub(super) const fn new(id: SourceId, name: String, leases: Leases) -> Self {
        Self {
            id,
            name,
            leases,
            freshness: None,
            has_news: false,
            gauges: Gauges::new(),
        }
    }

    /// Returns when the keys were fetched that are held.
    pub(super) fn fetched_at(&self) -> Option<UnixTime> {
        self.freshness.map(|freshness| freshness.fetched())
    }

    /// Decides what a request can do that lacks a key, or all keys.
    pub(super) fn want(&mut self, lack: Lack, cx: &Context<'_>) -> Wanted {
        if let Lack::Key { since } = lack
            && self
                .freshness
                .is_some_and(|freshness| freshness.covers(since))
        {
            return Wanted::Current;
        }
        self.leases.want(lack, cx.metrics, cx.now)
    }

    /// Holds keys that another worker fetched.
    pub(super) fn adopt(&mut self, keys: FetchedKeys, cx: &mut Context<'_>) {
        self.leases.release_waiting();
        self.hold(keys, cx);
    }

    /// Holds keys that this worker fetched.
    pub(super) fn succeed(&mut self, keys: FetchedKeys, skipped: &[Skipped], cx: &mut Context<'_>) {
        cx.metrics.increment_now(Counted::Fetch(self.id, true));
        for _ in skipped {
            cx.metrics.increment(Counted::Plain("keys.skipped"));
        }
        cx.metrics.flush();
        for entry in skipped.iter().take(LOGGED) {
            warn!("keys of {}: {entry}", self.name);
        }
        if let Some(more) = skipped.len().checked_sub(LOGGED).filter(|more| *more > 0) {
            warn!("keys of {}: {more} more entries are skipped", self.name);
        }
        self.leases.succeed(&keys, cx.metrics, cx.now);
        self.hold(keys, cx);
    }

    /// A fetch of this worker failed.
    pub(super) fn fail(&mut self, why: &str, cx: &Context<'_>) {
        cx.metrics.increment_now(Counted::Fetch(self.id, false));
        warn!("fetching keys of {} failed: {why}", self.name);
        self.leases.fail(cx.metrics, cx.now);
    }

    /// Ends a turn: drops keys that are too old, and updates the gauges. Returns true if newer keys
    /// were taken since.
    pub(super) fn end_turn(&mut self, is_stale: bool, cx: &mut Context<'_>) -> bool {
        if is_stale && cx.current.drop_keys(self.id) {
            warn!(
                "the keys of {} are too old and not used any more",
                self.name
            );
        }
        let count = cx.current.count(self.id);
        let snapshot = SourceSnapshot {
            age: self
                .fetched_at()
                .map(|fetched| cx.now.since(fetched).as_secs()),
            count: u64::try_from(count).unwrap_or(u64::MAX),
            stale: is_stale,
            failing: self.leases.is_failing(),
        };
        let name = |gauge: &str| cx.metrics.gauge(self.id, gauge);
        self.gauges.show(&snapshot, name);
        self.take_news()
    }

    /// Returns true if newer keys were taken since this was asked last.
    pub(super) const fn take_news(&mut self) -> bool {
        std::mem::replace(&mut self.has_news, false)
    }

    fn hold(&mut self, keys: FetchedKeys, cx: &mut Context<'_>) {
        self.freshness = Some(keys.freshness);
        self.has_news = true;
        let count = keys.set.len();
        if cx.current.replace(self.id, keys) {
            info!("holds {count} keys of {}", self.name);
        }
    }
}
