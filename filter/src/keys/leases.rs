//! Who fetches the keys of one source, and whether requests of this worker wait for it.

use std::time::Duration;

use registry_auth_engine::keys::cache::{
    Cause, FetchState, FetchedKeys, Fetcher, Lack, NEXT_FETCH, Phase, Start, Wanted,
};
use registry_auth_engine::time::UnixTime;

use super::lease_store::LeaseStore;
use crate::host;
use crate::metrics::Metrics;

/// How often the end of a fetch is written when other workers write at the same time.
const ATTEMPTS: usize = 3;

/// The fetches of one source: those of this worker, and those of others if they share a store.
pub(super) struct Leases {
    state: FetchState,
    me: Fetcher,
    store: Option<LeaseStore>,
    /// Requests wait for a fetch, by whichever worker.
    awaited: bool,
    /// Requests wait for a fetch that may not begin yet.
    awaits_next: bool,
    /// Why this worker decided to fetch. Only the root context may begin a fetch, so it may lie
    /// ahead.
    to_start: Option<Cause>,
}

impl Leases {
    /// `lease` is how long a fetch holds its lease without news.
    pub(super) fn new(lease: Duration, store: Option<LeaseStore>) -> Self {
        let id = u64::from(host::random()) << 32 | u64::from(host::random());
        Self {
            state: FetchState::default(),
            me: Fetcher { id, lease },
            store,
            awaited: false,
            awaits_next: false,
            to_start: None,
        }
    }

    /// Decides what a request can do that lacks a key, or all keys.
    pub(super) fn want(&mut self, lack: Lack, metrics: &Metrics, now: UnixTime) -> Wanted {
        let wanted = self.start(lack.cause(), metrics, now);
        if wanted != Wanted::No {
            self.awaited = true;
            return wanted;
        }
        match lack {
            Lack::Key { since }
                if self
                    .state
                    .may_begin_by(lack.cause(), since.after(NEXT_FETCH)) =>
            {
                self.awaits_next = true;
                Wanted::Next
            }
            Lack::Key { .. } | Lack::Keys => Wanted::No,
        }
    }

    /// Decides to fetch if requests wait for the next fetch, and one may begin now.
    pub(super) fn begin_next(&mut self, metrics: &Metrics, now: UnixTime) {
        if self.awaits_next && self.start(Cause::UnknownKey, metrics, now) != Wanted::No {
            self.awaited = true;
            self.awaits_next = false;
        }
    }

    /// Decides to fetch for `cause` if no worker fetches and a fetch may begin now.
    pub(super) fn start(&mut self, cause: Cause, metrics: &Metrics, now: UnixTime) -> Wanted {
        match self.state.begin(cause, &self.me, now) {
            Start::No => Wanted::No,
            Start::Join => Wanted::Join,
            Start::Begin(begun) => {
                let is_mine = self.commit(begun, metrics);
                self.to_start = is_mine.then_some(cause);
                if is_mine { Wanted::Fetch } else { Wanted::Join }
            }
        }
    }

    /// Takes the fetch that this worker decided on, if there is one.
    pub(super) const fn take_start(&mut self) -> Option<Cause> {
        self.to_start.take()
    }

    /// Returns true if the fetch that requests wait for has ended and brought this worker nothing.
    /// `held` is when the keys were fetched that it holds.
    pub(super) fn has_ended(
        &mut self,
        held: Option<UnixTime>,
        metrics: &Metrics,
        now: UnixTime,
    ) -> bool {
        if !self.awaited || self.to_start.is_some() {
            return false;
        }
        let ended = match self.state.phase(now) {
            Phase::UnderWay => false,
            Phase::Ended if self.newer_success(held).is_none() => true,
            // The worker that fetched is gone, or its keys cannot be read: this worker fetches.
            Phase::RunOut | Phase::Ended => self.start(Cause::Missing, metrics, now) == Wanted::No,
        };
        if ended {
            self.release_waiting();
        }
        ended
    }

    /// Returns when some worker fetched keys that are newer than those fetched at `held`.
    pub(super) fn newer_success(&self, held: Option<UnixTime>) -> Option<UnixTime> {
        self.state
            .last_success()
            .filter(|success| held.is_none_or(|held| held < *success))
    }

    /// Reads what other workers have done. Returns `now`, or the time of the last change if the
    /// clock is behind it.
    pub(super) fn catch_up(&mut self, metrics: &Metrics, now: UnixTime) -> UnixTime {
        self.read(metrics);
        self.state.caught_up(now)
    }

    /// Returns the keys that some worker fetched last.
    pub(super) fn stored_keys(&self, metrics: &Metrics) -> Option<FetchedKeys> {
        self.store.as_ref()?.keys(metrics)
    }

    /// The fetch of this worker reached its next stage: the lease is extended.
    pub(super) fn renew(&mut self, metrics: &Metrics, now: UnixTime) {
        self.read(metrics);
        if let Some(renewed) = self.state.renewed(&self.me, now) {
            self.commit(renewed, metrics);
        }
    }

    /// The fetch of this worker brought keys.
    pub(super) fn succeed(&mut self, keys: &FetchedKeys, metrics: &Metrics, now: UnixTime) {
        if let Some(store) = &self.store {
            store.publish(keys);
        }
        self.release_waiting();
        let me = self.me;
        self.conclude(metrics, |state| state.succeeded(&me, now));
    }

    /// The fetch of this worker failed.
    pub(super) fn fail(&mut self, metrics: &Metrics, now: UnixTime) {
        self.release_waiting();
        let (me, jitter) = (self.me, host::random());
        self.conclude(metrics, |state| state.failed(&me, jitter, now));
    }

    /// Returns true if the last fetch failed.
    pub(super) const fn is_failing(&self) -> bool {
        self.state.is_failing()
    }

    /// Nobody waits for a fetch any more: those who did are decided again, and ask again if they
    /// still lack a key.
    pub(super) const fn release_waiting(&mut self) {
        self.awaited = false;
        self.awaits_next = false;
    }

    fn conclude(&mut self, metrics: &Metrics, next: impl Fn(&FetchState) -> FetchState) {
        for _ in 0..ATTEMPTS {
            self.read(metrics);
            if self.commit(next(&self.state), metrics) {
                return;
            }
        }
    }

    fn read(&mut self, metrics: &Metrics) {
        let changed = self.store.as_mut().and_then(|store| store.changed(metrics));
        if let Some(state) = changed.filter(|state| state.is_after(&self.state)) {
            self.state = state;
        }
    }

    /// Makes a state the valid one. Returns false if another worker was first, whose state is valid
    /// then.
    fn commit(&mut self, next: FetchState, metrics: &Metrics) -> bool {
        let theirs = self
            .store
            .as_mut()
            .and_then(|store| store.write(&next, metrics));
        self.state = theirs.unwrap_or(next);
        theirs.is_none()
    }
}
