//! One source of keys on one worker: its fetches, how old its keys are, who waits.

use std::time::Duration;

use registry_auth::authn::key_cache::{
    Cause, FetchState, FetchedKeys, Fetcher, Lack, NEXT_FETCH, Phase, Share, ShareKey, ShelfLife, Start, Wanted,
};
use registry_auth::authn::source::{Source, SourceId, SourceKind};
use registry_auth::time::UnixTime;

use super::gauges::{Gauges, SourceSnapshot};
use super::pushed::Pushed;
use super::shared_fetch::SharedFetch;
use crate::host;
use crate::metrics::Metrics;

/// How long a fetch holds its lease unless it comes to its next stage: an answer in its time, and a little.
const FETCH_TERM: Duration = Duration::from_secs(3);
/// The same where nothing is fetched: longer than is waited for a push.
const PUSH_TERM: Duration = Duration::from_secs(5);
/// How often the end of a fetch is written when others write at the same time.
const ATTEMPTS: usize = 3;

pub(crate) struct SourceState {
    pub(crate) id: SourceId,
    pub(crate) source: Source,
    pub(crate) pushed: Pushed,
    /// When the keys came that are held, or were until they were too old.
    pub(crate) life: Option<ShelfLife>,
    fetch: FetchState,
    fetcher: Fetcher,
    shared: Option<SharedFetch>,
    /// The success of which the keys were looked for in shared data.
    looked_for: Option<UnixTime>,
    /// Newer keys were taken since the last turn.
    has_news: bool,
    /// Requests wait for a fetch, whoever fetches.
    awaited: bool,
    /// Requests wait for a fetch that may not begin yet.
    awaits_next: bool,
    /// Why a fetch of this worker was decided and not begun: only the root context may begin it.
    to_start: Option<Cause>,
    gauges: Gauges,
}

impl SourceState {
    pub(crate) fn new(id: SourceId, source: &Source, label: String, share_key: Option<&ShareKey>) -> Self {
        let (shared, term) = match (&source.kind, share_key) {
            (SourceKind::Callout(callout), Some(key)) => {
                (Some(SharedFetch::new(Share::new(callout, key.clone()))), FETCH_TERM)
            }
            (SourceKind::Callout(_), None) => (None, FETCH_TERM),
            (SourceKind::Inline(_) | SourceKind::Pushed(_) | SourceKind::Signing(_), _) => (None, PUSH_TERM),
        };
        let id_of_worker = u64::from(host::random()) << 32 | u64::from(host::random());
        Self {
            id,
            source: source.clone(),
            pushed: Pushed::default(),
            life: None,
            fetch: FetchState::default(),
            fetcher: Fetcher { id: id_of_worker, term },
            shared,
            looked_for: None,
            has_news: false,
            awaited: false,
            awaits_next: false,
            to_start: None,
            gauges: Gauges::new(label),
        }
    }

    /// What a request can do that lacks a key, or all.
    pub(crate) fn want(&mut self, lack: Lack, metrics: &Metrics, now: UnixTime) -> Wanted {
        if let Lack::Key { since } = lack
            && self.life.is_some_and(|life| life.covers(since))
        {
            return Wanted::Current;
        }
        let wanted = self.start(lack.cause(), metrics, now);
        if wanted != Wanted::No {
            self.awaited = true;
            return wanted;
        }
        match lack {
            Lack::Key { since } if self.fetch.may_begin_by(lack.cause(), since.after(NEXT_FETCH)) => {
                self.awaits_next = true;
                Wanted::Next
            }
            Lack::Key { .. } | Lack::Keys => Wanted::No,
        }
    }

    /// Decides to fetch if requests wait for a fetch, and one may begin now.
    pub(crate) fn begin_next(&mut self, metrics: &Metrics, now: UnixTime) {
        if self.awaits_next && self.start(Cause::UnknownKey, metrics, now) != Wanted::No {
            self.awaited = true;
            self.awaits_next = false;
        }
    }

    /// Whether newer keys were taken, said once.
    pub(crate) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.has_news)
    }

    /// Why a fetch of this worker is to begin, if one is.
    pub(crate) const fn take_start(&mut self) -> Option<Cause> {
        self.to_start.take()
    }

    /// Decides to fetch if the keys will be missed soon.
    pub(crate) fn refresh(&mut self, metrics: &Metrics, now: UnixTime) {
        if self.life.is_some_and(|life| life.is_refresh_due(now)) {
            self.start(Cause::Refresh, metrics, now);
        }
    }

    /// Whether the fetch that requests wait for is over and brought this worker nothing.
    pub(crate) fn is_over(&mut self, metrics: &Metrics, now: UnixTime) -> bool {
        if !self.awaited || self.to_start.is_some() {
            return false;
        }
        let ends = match self.fetch.phase(now) {
            Phase::UnderWay => false,
            Phase::Ended if self.newest_success().is_none() => true,
            // Its holder is gone, or what it brought cannot be read: this worker fetches.
            Phase::RunOut | Phase::Ended => self.start(Cause::Missing, metrics, now) == Wanted::No,
        };
        if ends {
            self.nobody_waits();
        }
        ends
    }

    /// Takes over what other workers have done. Gives keys that are newer than those that are held.
    pub(crate) fn look(&mut self, metrics: &Metrics, now: UnixTime) -> Option<FetchedKeys> {
        self.read_state(metrics);
        let now = self.fetch.caught_up(now);
        self.life = self.life.map(|life| life.at(now));
        // What lies in the future was before a jump of the clock: nobody knows how old its keys are.
        let success = self.newest_success().filter(|success| *success <= now && self.looked_for != Some(*success))?;
        self.looked_for = Some(success);
        let fetched = self.shared.as_ref()?.keys(metrics)?;
        let newer = self.life.is_none_or(|life| life.fetched() < fetched.life.fetched());
        let usable = fetched.life.fetched() <= now && !fetched.life.is_stale(self.source.max_stale, now);
        if !newer || !usable {
            return None;
        }
        self.arrived(fetched.life);
        Some(fetched)
    }

    /// The fetch of this worker came to its next stage.
    pub(crate) fn renew(&mut self, metrics: &Metrics, now: UnixTime) {
        self.read_state(metrics);
        if let Some(renewed) = self.fetch.renewed(&self.fetcher, now) {
            self.commit(renewed, metrics);
        }
    }

    /// The fetch of this worker brought keys.
    pub(crate) fn succeed(&mut self, keys: &FetchedKeys, metrics: &Metrics, now: UnixTime) {
        if let Some(shared) = &self.shared {
            shared.publish(keys);
        }
        self.arrived(keys.life);
        let me = self.fetcher;
        self.conclude(metrics, |state| state.succeeded(&me, now));
    }

    /// The fetch of this worker failed.
    pub(crate) fn fail(&mut self, metrics: &Metrics, now: UnixTime) {
        self.nobody_waits();
        let (me, jitter) = (self.fetcher, host::random());
        self.conclude(metrics, |state| state.failed(&me, jitter, now));
    }

    /// Whether keys were had that must not be used any more.
    pub(crate) fn is_stale(&self, now: UnixTime) -> bool {
        match self.source.kind {
            SourceKind::Callout(_) => self.life.is_some_and(|life| life.is_stale(self.source.max_stale, now)),
            SourceKind::Pushed(_) | SourceKind::Signing(_) => self.pushed.has_ended(now),
            SourceKind::Inline(_) => false,
        }
    }

    /// Shows the state of this source, of which `count` keys are held.
    pub(crate) fn show(&mut self, count: usize, now: UnixTime) {
        let snapshot = SourceSnapshot {
            age: self.life.map(|life| now.since(life.fetched()).as_secs()),
            count: u64::try_from(count).unwrap_or(u64::MAX),
            stale: self.is_stale(now),
            failing: self.fetch.is_failing(),
        };
        self.gauges.show(&snapshot);
    }

    fn start(&mut self, cause: Cause, metrics: &Metrics, now: UnixTime) -> Wanted {
        match self.fetch.begin(cause, &self.fetcher, now) {
            Start::No => Wanted::No,
            Start::Join => Wanted::Join,
            Start::Begin(begun) => {
                let is_mine = self.commit(begun, metrics);
                self.to_start = is_mine.then_some(cause);
                if is_mine { Wanted::Fetch } else { Wanted::Join }
            }
        }
    }

    fn arrived(&mut self, life: ShelfLife) {
        self.life = Some(life);
        self.has_news = true;
        self.nobody_waits();
    }

    /// All that wait are decided again, and say so if they wait on.
    const fn nobody_waits(&mut self) {
        self.awaited = false;
        self.awaits_next = false;
    }

    /// When somebody fetched keys that this worker has not.
    fn newest_success(&self) -> Option<UnixTime> {
        let held = self.life.map(|life| life.fetched());
        self.fetch.last_success().filter(|success| held.is_none_or(|held| held < *success))
    }

    fn conclude(&mut self, metrics: &Metrics, next: impl Fn(&FetchState) -> FetchState) {
        for _ in 0..ATTEMPTS {
            self.read_state(metrics);
            if self.commit(next(&self.fetch), metrics) {
                return;
            }
        }
    }

    fn read_state(&mut self, metrics: &Metrics) {
        let changed = self.shared.as_mut().and_then(|shared| shared.changed(metrics));
        if let Some(state) = changed.filter(|state| state.is_after(&self.fetch)) {
            self.fetch = state;
        }
    }

    /// Makes a state the one that counts. False: somebody else was first, and theirs counts.
    fn commit(&mut self, next: FetchState, metrics: &Metrics) -> bool {
        let theirs = self.shared.as_mut().and_then(|shared| shared.write(&next, metrics));
        self.fetch = theirs.unwrap_or(next);
        theirs.is_none()
    }
}
