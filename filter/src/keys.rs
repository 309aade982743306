//! The keys of one worker: what is held, what is under way, what was pushed.

mod gauges;
mod pushed;
mod shared_fetch;
mod source_state;

use std::collections::HashMap;
use std::sync::Arc;

use log::{info, warn};
use registry_auth::authn::key_cache::{FetchedKeys, Lack, ShareKey, ShelfLife, Wanted};
use registry_auth::authn::keys::Skipped;
use registry_auth::authn::source::{HeldKeys, Keys, Source, SourceId, SourceKind, labels};
use registry_auth::envelope::{PushKey, PushedKeys, made};
use registry_auth::time::UnixTime;

use self::source_state::SourceState;
use crate::callout::{self, Stage, Step};
use crate::host;
use crate::metrics::Metrics;

/// How many entries that cannot be used are named in the log after a fetch. A set has room for a thousand.
const LOGGED: usize = 20;

const NOT_ASKED: &str = "cannot be asked: is the cluster known to the proxy?";

/// All sources of one configuration.
pub(crate) struct KeyStore {
    held: HeldKeys,
    states: Vec<SourceState>,
    calls: HashMap<u32, Call>,
    push_key: Option<PushKey>,
    version: u64,
}

/// A callout under way.
struct Call {
    source: SourceId,
    stage: Stage,
    /// When it was sent.
    asked: UnixTime,
}

/// Sources whose waiting requests can be decided.
#[derive(Default)]
pub(crate) struct ReadySources {
    /// Keys will not come: requests do without what they lack.
    pub(crate) over: Vec<SourceId>,
    /// Newer keys are held: requests that still lack something may wait on.
    pub(crate) news: Vec<SourceId>,
}

impl ReadySources {
    /// Whether there is nothing to decide.
    pub(crate) const fn is_empty(&self) -> bool {
        self.over.is_empty() && self.news.is_empty()
    }

    /// Adds others.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.over.append(&mut other.over);
        self.news.append(&mut other.news);
    }
}

impl KeyStore {
    /// Inline keys are held at once; everything else is fetched when a token needs it, once for all workers that share
    /// `share_key`.
    pub(crate) fn new(sources: &[Source], push_key: Option<PushKey>, share_key: Option<&ShareKey>) -> Self {
        let labelled = sources.iter().zip(labels(sources)).enumerate();
        let state = |(index, (source, label)): (usize, (&Source, String))| {
            SourceState::new(SourceId::from_index(index), source, label, share_key)
        };
        let states = labelled.map(state).collect();
        Self { held: HeldKeys::of(sources), states, calls: HashMap::new(), push_key, version: 0 }
    }

    /// What is held now.
    pub(crate) const fn held(&self) -> &HeldKeys {
        &self.held
    }

    /// What a request can do that lacks a key of a source, or all. If it may wait, the root context has to take its turn.
    pub(crate) fn want(&mut self, id: SourceId, lack: Lack, metrics: &Metrics, now: UnixTime) -> Wanted {
        let index = id.index();
        let inline = |state: &SourceState| matches!(state.source.kind, SourceKind::Inline(_));
        if self.states.get(index).is_some_and(inline) {
            return Wanted::Current;
        }
        if self.look(index, metrics, now) {
            return Wanted::Again;
        }
        self.states.get_mut(index).map_or(Wanted::No, |state| state.want(lack, metrics, now))
    }

    /// The root context's turn: begins what is wanted or due, takes what others fetched and what was pushed, drops what is too
    /// old.
    pub(crate) fn turn(&mut self, metrics: &Metrics, now: UnixTime) -> ReadySources {
        let mut settled = ReadySources::default();
        for index in 0..self.states.len() {
            let Some(state) = self.states.get(index) else { break };
            let id = state.id;
            let over = match &state.source.kind {
                SourceKind::Inline(_) => continue,
                SourceKind::Callout(_) => self.turn_of_callout(index, metrics, now),
                SourceKind::Pushed(set) | SourceKind::Signing(set) => {
                    let set = set.clone();
                    self.turn_of_push(index, &set, metrics, now)
                }
            };
            settled.over.extend((over == Some(true)).then_some(id));
            self.drop_stale(index, now);
            let count = self.held.get(id).map_or(0, |keys| keys.set.len());
            settled.news.extend(self.takes_news(id));
            if let Some(state) = self.states.get_mut(index) {
                state.show(count, now);
            }
        }
        settled
    }

    /// An answer came.
    pub(crate) fn answer(&mut self, call: u32, body_size: usize, metrics: &Metrics, now: UnixTime) -> ReadySources {
        let mut settled = ReadySources::default();
        let Some(Call { source: id, stage, asked }) = self.calls.remove(&call) else { return settled };
        let Some(state) = self.states.get_mut(id.index()) else { return settled };
        let SourceKind::Callout(callout) = &state.source.kind else { return settled };
        let failed = match callout::read(callout, stage, body_size) {
            Ok(Step::Next(url, next)) => callout::next(callout, &url).map_or_else(
                |_| Some(NOT_ASKED.to_owned()),
                |call| {
                    self.calls.insert(call, Call { source: id, stage: next, asked: now });
                    state.renew(metrics, now);
                    None
                },
            ),
            Ok(Step::Done(answered)) => {
                let life = ShelfLife::begin(answered.cache_control.as_deref(), host::random(), now);
                let life = life.asked_at(asked).within(state.source.max_stale);
                let keys = FetchedKeys { set: answered.set, algorithms: answered.algorithms, life };
                self.fetched(id, keys, &answered.skipped, metrics, now);
                settled.news.extend(self.takes_news(id));
                None
            }
            Err(why) => Some(why),
        };
        if let Some(why) = failed {
            self.failed(id, &why, metrics, now);
            settled.over.push(id);
        }
        settled
    }

    /// The source, if newer keys of it were taken since this was asked last.
    fn takes_news(&mut self, id: SourceId) -> Option<SourceId> {
        self.states.get_mut(id.index())?.take_news().then_some(id)
    }

    /// Takes keys that another worker fetched; whether there are some.
    fn look(&mut self, index: usize, metrics: &Metrics, now: UnixTime) -> bool {
        let Some(state) = self.states.get_mut(index) else { return false };
        let id = state.id;
        let Some(keys) = state.look(metrics, now) else { return false };
        self.hold(id, keys);
        true
    }

    /// Whether what requests wait for is over.
    fn turn_of_callout(&mut self, index: usize, metrics: &Metrics, now: UnixTime) -> Option<bool> {
        self.look(index, metrics, now);
        let state = self.states.get_mut(index)?;
        let over = state.is_over(metrics, now);
        state.begin_next(metrics, now);
        state.refresh(metrics, now);
        if state.take_start().is_none() {
            return Some(over);
        }
        let (id, SourceKind::Callout(callout)) = (state.id, &state.source.kind) else { return None };
        if let Ok((call, stage)) = callout::start(callout) {
            self.calls.insert(call, Call { source: id, stage, asked: now });
            return Some(over);
        }
        self.failed(id, NOT_ASKED, metrics, now);
        Some(true)
    }

    /// Whether what requests wait for is over.
    fn turn_of_push(&mut self, index: usize, set: &str, metrics: &Metrics, now: UnixTime) -> Option<bool> {
        let state = self.states.get_mut(index)?;
        let key = self.push_key.as_ref()?;
        let id = state.id;
        if let Some(pushed) = state.pushed.newer(set, state.source.max_stale, key, metrics, now) {
            return Some(!self.take_push(id, &pushed, metrics, now));
        }
        state.begin_next(metrics, now);
        if let Some(cause) = state.take_start() {
            state.pushed.want(set, cause, now);
        }
        let overdue = state.pushed.is_overdue(now);
        if overdue {
            self.failed(id, "nothing was pushed in time: is `registry-auth serve` running?", metrics, now);
        }
        Some(overdue)
    }

    /// Returns true if the set can be used.
    fn take_push(&mut self, id: SourceId, pushed: &PushedKeys, metrics: &Metrics, now: UnixTime) -> bool {
        let Some(state) = self.states.get(id.index()) else { return false };
        match pushed::read(&state.source.kind, &pushed.keys) {
            Ok(read) => {
                if let Some(key) = read.signing {
                    self.held.set_signing(key);
                }
                let life = ShelfLife::begin(None, 0, made(pushed.generation).min(now));
                let keys = FetchedKeys { set: read.set, algorithms: None, life };
                self.fetched(id, keys, &read.skipped, metrics, now);
                true
            }
            Err(why) => {
                self.failed(id, &why.to_string(), metrics, now);
                false
            }
        }
    }

    /// Keys that are too old must go.
    fn drop_stale(&mut self, index: usize, now: UnixTime) {
        let Some(state) = self.states.get(index).filter(|state| state.is_stale(now)) else { return };
        if self.held.get(state.id).is_some() {
            warn!("the keys of {} are too old and not used any more", state.source.name);
            self.held.set(state.id, None);
        }
    }

    fn fetched(&mut self, id: SourceId, keys: FetchedKeys, skipped: &[Skipped], metrics: &Metrics, now: UnixTime) {
        let Some(state) = self.states.get_mut(id.index()) else { return };
        metrics.increment_now("keys.fetched");
        for _ in skipped {
            metrics.increment("keys.skipped");
        }
        metrics.flush();
        for entry in skipped.iter().take(LOGGED) {
            warn!("keys of {}: {entry}", state.source.name);
        }
        if let Some(more) = skipped.len().checked_sub(LOGGED).filter(|more| *more > 0) {
            warn!("keys of {}: {more} more entries are skipped", state.source.name);
        }
        state.succeed(&keys, metrics, now);
        self.hold(id, keys);
    }

    fn failed(&mut self, id: SourceId, why: &str, metrics: &Metrics, now: UnixTime) {
        let Some(state) = self.states.get_mut(id.index()) else { return };
        metrics.increment_now("keys.failed");
        warn!("keys of {} cannot be had: {why}", state.source.name);
        state.fail(metrics, now);
    }

    /// Takes a key set; identities proven by the old one count no more, unless nothing changed.
    fn hold(&mut self, id: SourceId, keys: FetchedKeys) {
        let same = |held: &Keys| *held.set == keys.set && held.algorithms == keys.algorithms;
        if self.held.get(id).is_some_and(same) {
            return;
        }
        self.version = self.version.wrapping_add(1);
        if let Some(state) = self.states.get(id.index()) {
            info!("holds {} keys of {}", keys.set.len(), state.source.name);
        }
        let keys = Keys { set: Arc::new(keys.set), algorithms: keys.algorithms, version: self.version };
        self.held.set(id, Some(keys));
    }
}
