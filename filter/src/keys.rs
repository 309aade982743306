//! The keys of one worker: what is held, and the sources that renew it.

mod callout_source;
mod current;
mod event;
mod gauges;
mod lease_store;
mod leases;
mod pushed_source;
mod source;
mod supply;

use registry_auth_engine::keys::cache::{Lack, SharedDataKey, Wanted};
use registry_auth_engine::keys::envelope::PushKey;
use registry_auth_engine::keys::source::{KeyRing, Source, SourceId};
use registry_auth_engine::time::UnixTime;

use self::current::{Context, CurrentKeys};
use self::event::Event;
use self::source::KeySource;
use crate::metrics::Metrics;

/// All sources of one configuration.
pub(crate) struct KeyStore {
    current: CurrentKeys,
    /// In the order of their ids.
    sources: Vec<KeySource>,
    push_key: Option<PushKey>,
}

/// Sources whose waiting requests can be decided.
#[derive(Default)]
pub(crate) struct ReadySources {
    /// Their keys will not come: requests are decided without.
    pub(crate) failed: Vec<SourceId>,
    /// Newer keys of them are held: requests that still lack one may wait on.
    pub(crate) renewed: Vec<SourceId>,
}

impl ReadySources {
    /// Returns true if there are none.
    pub(crate) const fn is_empty(&self) -> bool {
        self.failed.is_empty() && self.renewed.is_empty()
    }

    /// Adds the sources of `other`.
    pub(crate) fn append(&mut self, mut other: Self) {
        self.failed.append(&mut other.failed);
        self.renewed.append(&mut other.renewed);
    }

    fn add(&mut self, index: usize, event: Event) {
        match event {
            Event::None => {}
            Event::Renewed => self.renewed.push(SourceId::from_index(index)),
            Event::Failed => self.failed.push(SourceId::from_index(index)),
        }
    }
}

impl KeyStore {
    /// Inline keys are held at once; everything else is fetched when a token needs it, once for all
    /// workers that share `shared_data_key`.
    pub(crate) fn new(
        sources: &[Source],
        push_key: Option<PushKey>,
        shared_data_key: Option<&SharedDataKey>,
    ) -> Self {
        let source =
            |(index, source)| KeySource::new(SourceId::from_index(index), source, shared_data_key);
        Self {
            sources: sources.iter().enumerate().map(source).collect(),
            current: CurrentKeys::of(sources),
            push_key,
        }
    }

    /// Returns the keys that are held now.
    pub(crate) const fn held(&self) -> &KeyRing {
        &self.current.held
    }

    /// Decides what a request can do that lacks a key of a source, or all. If it may wait, the root
    /// context has to take its turn.
    pub(crate) fn want(
        &mut self,
        id: SourceId,
        lack: Lack,
        metrics: &Metrics,
        now: UnixTime,
    ) -> Wanted {
        let Self {
            current,
            sources,
            push_key,
        } = self;
        let mut cx = Context {
            current,
            push_key: push_key.as_ref(),
            metrics,
            now,
        };
        sources
            .get_mut(id.index())
            .map_or(Wanted::No, |source| source.want(lack, &mut cx))
    }

    /// The root context's turn: begins what is wanted or due, takes what others fetched and what
    /// was pushed, drops what is too old.
    pub(crate) fn turn(&mut self, metrics: &Metrics, now: UnixTime) -> ReadySources {
        let Self {
            current,
            sources,
            push_key,
        } = self;
        let mut cx = Context {
            current,
            push_key: push_key.as_ref(),
            metrics,
            now,
        };
        let mut ready = ReadySources::default();
        for (index, source) in sources.iter_mut().enumerate() {
            ready.add(index, source.turn(&mut cx));
        }
        ready
    }

    /// Reads the response to a callout.
    pub(crate) fn answer(
        &mut self,
        call: u32,
        body_size: usize,
        metrics: &Metrics,
        now: UnixTime,
    ) -> ReadySources {
        let Self {
            current,
            sources,
            push_key,
        } = self;
        let mut cx = Context {
            current,
            push_key: push_key.as_ref(),
            metrics,
            now,
        };
        let mut ready = ReadySources::default();
        let mut sources = sources.iter_mut().enumerate();
        if let Some((index, event)) = sources
            .find_map(|(index, source)| Some((index, source.answer(call, body_size, &mut cx)?)))
        {
            ready.add(index, event);
        }
        ready
    }
}
