//! The keys of one worker: what is held, what is under way, what was pushed.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use log::{info, warn};
use registry_auth::authn::key_cache::{KeyCache, Wanted};
use registry_auth::authn::keys::{KeySet, KeysError, SigningKey, Skipped};
use registry_auth::authn::source::{HeldKeys, Keys, Source, SourceId, SourceKind};
use registry_auth::envelope::PushKey;
use registry_auth::time::UnixTime;

use crate::callout::{self, Fetched, Stage, Step};
use crate::host;
use crate::metrics::Metrics;
use crate::shared;

/// How long a request waits for the shim to push what is wanted.
const PUSH_TIMEOUT: Duration = Duration::from_secs(4);

/// All sources of one configuration.
pub(crate) struct KeyStore {
    held: HeldKeys,
    states: Vec<State>,
    calls: HashMap<u32, (SourceId, Stage)>,
    push_key: Option<PushKey>,
    version: u64,
}

struct State {
    id: SourceId,
    source: Source,
    cache: KeyCache,
    /// A fetch was decided and not begun: only the root context may begin it.
    to_start: bool,
    pushed: Pushed,
}

/// What is known of a pushed set.
#[derive(Default)]
struct Pushed {
    /// Version of the value in shared data that was looked at last.
    seen: Option<u32>,
    generation: u64,
    not_after: Option<UnixTime>,
    wanted_since: Option<UnixTime>,
}

impl KeyStore {
    /// Inline keys are held at once; everything else is fetched when a token needs it.
    pub(crate) fn new(sources: &[Source], push_key: Option<PushKey>) -> Self {
        let state = |(index, source): (usize, &Source)| State {
            id: SourceId::from_index(index),
            source: source.clone(),
            cache: KeyCache::new(source.max_stale),
            to_start: false,
            pushed: Pushed::default(),
        };
        let states = sources.iter().enumerate().map(state).collect();
        Self { held: HeldKeys::of(sources), states, calls: HashMap::new(), push_key, version: 0 }
    }

    /// What is held now.
    pub(crate) const fn held(&self) -> &HeldKeys {
        &self.held
    }

    /// A request lacks keys, or one key. Whether it may wait; the root context has to take its turn then.
    pub(crate) fn want(&mut self, source: SourceId, unknown_key: bool, now: UnixTime) -> Wanted {
        let Some(state) = self.states.get_mut(source.index()) else { return Wanted::No };
        if matches!(state.source.kind, SourceKind::Inline(_)) {
            return Wanted::No;
        }
        let wanted = state.cache.want(unknown_key, now);
        state.to_start |= wanted == Wanted::Fetch;
        wanted
    }

    /// The root context's turn: begins what is wanted or due, takes what was pushed, drops what is too old.
    ///
    /// Gives the sources whose waiting requests can be decided.
    pub(crate) fn turn(&mut self, metrics: &Metrics, now: UnixTime) -> Vec<SourceId> {
        let mut settled = Vec::new();
        for index in 0..self.states.len() {
            let Some(state) = self.states.get_mut(index) else { break };
            match &state.source.kind {
                SourceKind::Inline(_) => {}
                SourceKind::Callout(_) => {
                    state.to_start |= state.cache.refresh_due(now);
                    if state.cache.stale(now) && self.held.get(state.id).is_some() {
                        warn!("keys of {} are older than maxStale and not used any more", state.source.name);
                        self.held.set(state.id, None);
                    }
                    if std::mem::take(&mut state.to_start) {
                        settled.extend(self.begin(index, metrics, now));
                    }
                }
                SourceKind::Pushed(set) | SourceKind::Signing(set) => {
                    let set = set.clone();
                    settled.extend(self.look_for_push(index, &set, metrics, now));
                }
            }
        }
        settled
    }

    /// An answer came. Gives the source whose waiting requests can be decided.
    pub(crate) fn answer(&mut self, call: u32, body_size: usize, metrics: &Metrics, now: UnixTime) -> Option<SourceId> {
        let (source, stage) = self.calls.remove(&call)?;
        let SourceKind::Callout(callout) = &self.states.get(source.index())?.source.kind else { return None };
        match callout::read(callout, stage, body_size) {
            Ok(Step::Next(url, stage)) => match callout::next(callout, &url) {
                Ok(call) => {
                    self.calls.insert(call, (source, stage));
                    return None;
                }
                Err(_) => self.failed(source, "cannot be asked: is the cluster known to the proxy?", metrics, now),
            },
            Ok(Step::Done(fetched)) => self.fetched(source, fetched, metrics, now),
            Err(why) => self.failed(source, &why, metrics, now),
        }
        Some(source)
    }

    fn begin(&mut self, index: usize, metrics: &Metrics, now: UnixTime) -> Option<SourceId> {
        let State { id, source, .. } = self.states.get(index)?;
        let SourceKind::Callout(callout) = &source.kind else { return None };
        let id = *id;
        if let Ok((call, stage)) = callout::start(callout) {
            self.calls.insert(call, (id, stage));
            return None;
        }
        self.failed(id, "cannot be asked: is the cluster known to the proxy?", metrics, now);
        Some(id)
    }

    fn fetched(&mut self, source: SourceId, fetched: Fetched, metrics: &Metrics, now: UnixTime) {
        let Some(state) = self.states.get_mut(source.index()) else { return };
        state.cache.succeed(fetched.max_age, host::random(), now);
        metrics.count("keys.fetched");
        for skipped in &fetched.skipped {
            warn!("keys of {}: {skipped}", state.source.name);
        }
        let name = state.source.name.clone();
        self.hold(source, &name, fetched.set, fetched.algorithms);
    }

    fn failed(&mut self, source: SourceId, why: &str, metrics: &Metrics, now: UnixTime) {
        let Some(state) = self.states.get_mut(source.index()) else { return };
        state.cache.fail(host::random(), now);
        metrics.count("keys.failed");
        warn!("keys of {} cannot be had: {why}", state.source.name);
    }

    /// Takes a key set; identities proven by the old one count no more, unless nothing changed.
    fn hold(
        &mut self,
        source: SourceId,
        name: &str,
        set: KeySet,
        algorithms: Option<Arc<[registry_auth::authn::algorithm::Algorithm]>>,
    ) {
        let same = |held: &Keys| *held.set == set && held.algorithms == algorithms;
        if self.held.get(source).is_some_and(same) {
            return;
        }
        self.version = self.version.wrapping_add(1);
        info!("holds {} keys of {name}", set.len());
        self.held.set(source, Some(Keys { set: Arc::new(set), algorithms, version: self.version }));
    }

    fn look_for_push(&mut self, index: usize, set: &str, metrics: &Metrics, now: UnixTime) -> Option<SourceId> {
        let state = self.states.get_mut(index)?;
        let key = self.push_key.as_ref()?;
        if std::mem::take(&mut state.to_start) {
            state.pushed.wanted_since = Some(now);
            shared::want(set, now);
        }
        if state.pushed.not_after.is_some_and(|end| end <= now) {
            warn!("the pushed keys of {} have ended and are not used any more", state.source.name);
            state.pushed.not_after = None;
            self.held.set(state.id, None);
        }
        let source = state.id;
        if let Ok(Some(stored)) = shared::changed(set, state.pushed.seen, key, now) {
            state.pushed.seen = Some(stored.version);
            match stored.keys {
                Ok(pushed) if pushed.generation > state.pushed.generation => {
                    state.pushed.generation = pushed.generation;
                    state.pushed.not_after = Some(pushed.not_after);
                    state.pushed.wanted_since = None;
                    self.take_push(source, &pushed.keys, metrics, now);
                    return Some(source);
                }
                Ok(_) => {}
                Err(why) => {
                    metrics.count("keys.push_refused");
                    warn!("what stands in shared data for {} is not used: {why}", state.source.name);
                }
            }
        }
        let state = self.states.get_mut(index)?;
        let overdue = state.pushed.wanted_since.is_some_and(|since| now < since || now.since(since) >= PUSH_TIMEOUT);
        if overdue {
            state.pushed.wanted_since = None;
            self.failed(source, "nothing was pushed in time: is `registry-auth serve` running?", metrics, now);
            return Some(source);
        }
        None
    }

    fn take_push(&mut self, source: SourceId, jwks: &serde_json::Value, metrics: &Metrics, now: UnixTime) {
        match self.read_push(source, jwks) {
            Ok((set, skipped)) => {
                let skipped = skipped.iter().map(ToString::to_string).collect();
                self.fetched(source, Fetched { set, algorithms: None, max_age: None, skipped }, metrics, now);
            }
            Err(why) => self.failed(source, &why.to_string(), metrics, now),
        }
    }

    fn read_push(&mut self, source: SourceId, jwks: &serde_json::Value) -> Result<(KeySet, Vec<Skipped>), KeysError> {
        let signs = self.states.get(source.index()).map(|state| &state.source.kind);
        if matches!(signs, Some(SourceKind::Signing(_))) {
            let (key, set) = SigningKey::from_jwks_value(jwks)?;
            self.held.set_signing(key);
            return Ok((set, Vec::new()));
        }
        let loaded = KeySet::from_jwks_value(jwks)?;
        Ok((loaded.keys, loaded.skipped))
    }
}
