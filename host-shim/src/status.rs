//! What the shim has done and what the Envoys hold: written by the tasks that fetch and push, read by the endpoints.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use crate::source::Failure;

/// The state of everything; clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Status(Arc<Mutex<State>>);

/// A moment's state.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// By the name of the set.
    pub(crate) sources: BTreeMap<Arc<str>, SourceState>,
    /// By Envoy and the name of the set.
    pub(crate) feeds: BTreeMap<(Arc<str>, Arc<str>), FeedState>,
}

/// What is known of a source.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceState {
    /// Fetches that gave keys.
    pub(crate) succeeded: u64,
    /// The others.
    pub(crate) failed: BTreeMap<Failure, u64>,
    /// When it gave keys last.
    pub(crate) last_success: Option<Instant>,
    /// How many keys it gave then; none when they are too old.
    pub(crate) keys: usize,
    /// How many entries were left out.
    pub(crate) skipped: usize,
    /// What the Envoys shall hold; none before the first success, and when the keys are too old.
    pub(crate) generation: Option<u64>,
}

/// What is known of one set of one Envoy.
#[derive(Clone, Debug, Default)]
pub(crate) struct FeedState {
    /// Pushes by how they went.
    pub(crate) pushes: BTreeMap<&'static str, u64>,
    /// The generation that it holds, 0 for none; nothing when it does not answer.
    pub(crate) held: Option<u64>,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotReady {
    /// The set.
    pub(crate) source: Arc<str>,
    /// The Envoy, if the set itself is there.
    pub(crate) envoy: Option<Arc<str>>,
    /// What is missing.
    pub(crate) reason: &'static str,
}

/// The end of one source: writes its state.
#[derive(Clone, Debug)]
pub(crate) struct SourceReport {
    status: Status,
    set: Arc<str>,
}

/// The end of one set of one Envoy: writes its state.
#[derive(Clone, Debug)]
pub(crate) struct FeedReport {
    status: Status,
    feed: (Arc<str>, Arc<str>),
}

impl Status {
    /// Where a source tells its state; from now on it counts.
    pub(crate) fn source(&self, set: &Arc<str>) -> SourceReport {
        let report = SourceReport { status: self.clone(), set: Arc::clone(set) };
        report.update(|_| ());
        report
    }

    /// Where the feed of a set of an Envoy tells its state; from now on it counts.
    pub(crate) fn feed(&self, envoy: &str, set: &Arc<str>) -> FeedReport {
        let report = FeedReport { status: self.clone(), feed: (envoy.into(), Arc::clone(set)) };
        report.update(|_| ());
        report
    }

    /// What is known now.
    pub(crate) fn now(&self) -> State {
        self.change(|state| state.clone())
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// What is missing until every source has keys that are not too old and every Envoy holds them.
    pub(crate) fn waiting(&self) -> Vec<NotReady> {
        let sources = self.sources.iter().filter_map(|(set, source)| {
            let reason = match (source.generation, source.last_success) {
                (Some(_), _) => return None,
                (None, None) => "no keys fetched yet",
                (None, Some(_)) => "the keys are older than maxStale",
            };
            Some(NotReady { source: Arc::clone(set), envoy: None, reason })
        });
        let feeds = self.feeds.iter().filter_map(|((envoy, set), feed)| {
            let wanted = self.sources.get(set).and_then(|source| source.generation);
            let reason = match (feed.held, wanted) {
                (None, _) => "no valid response from the intake",
                (Some(held), Some(wanted)) if held < wanted => "it does not hold the current keys",
                (Some(_), _) => return None,
            };
            Some(NotReady { source: Arc::clone(set), envoy: Some(Arc::clone(envoy)), reason })
        });
        sources.chain(feeds).collect()
    }
}

impl SourceReport {
    /// Changes the state of the source.
    pub(crate) fn update(&self, change: impl FnOnce(&mut SourceState)) {
        self.status.change(|state| change(state.sources.entry(Arc::clone(&self.set)).or_default()));
    }
}

impl FeedReport {
    /// Changes the state of the feed.
    pub(crate) fn update(&self, change: impl FnOnce(&mut FeedState)) {
        self.status.change(|state| change(state.feeds.entry(self.feed.clone()).or_default()));
    }

    /// Counts a push.
    pub(crate) fn pushed(&self, outcome: &'static str) {
        self.update(|feed| *feed.pushes.entry(outcome).or_default() += 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is published, the last success, what each of two Envoys has told that it holds, and what is waited for.
    type Row =
        (Option<u64>, Option<Instant>, [Option<Option<u64>>; 2], &'static [(Option<&'static str>, &'static str)]);

    #[test]
    fn only_keys_that_are_fresh_and_held_everywhere_are_not_waited_for() {
        let past = Some(Instant::now());
        let held = |generation| Some(Some(generation));
        let rows: [Row; 6] = [
            (Some(7), past, [held(7), held(8)], &[]),
            (Some(7), past, [held(6), held(7)], &[(Some("a"), "it does not hold the current keys")]),
            (Some(7), past, [held(7), Some(None)], &[(Some("b"), "no valid response from the intake")]),
            (None, None, [held(0), held(0)], &[(None, "no keys fetched yet")]),
            (None, past, [held(7), held(0)], &[(None, "the keys are older than maxStale")]),
            (
                None,
                None,
                [None, None],
                &[
                    (None, "no keys fetched yet"),
                    (Some("a"), "no valid response from the intake"),
                    (Some("b"), "no valid response from the intake"),
                ],
            ),
        ];
        for (generation, last_success, held, expected) in rows {
            let status = Status::default();
            let set: Arc<str> = "s".into();
            status.source(&set).update(|source| {
                source.generation = generation;
                source.last_success = last_success;
            });
            for (envoy, held) in ["a", "b"].iter().zip(held) {
                let feed = status.feed(envoy, &set);
                if let Some(held) = held {
                    feed.update(|feed| feed.held = held);
                }
            }
            let waiting = status.now().waiting();
            let found: Vec<_> = waiting.iter().map(|waiting| (waiting.envoy.as_deref(), waiting.reason)).collect();
            assert_eq!(found, expected, "{generation:?}");
            assert!(waiting.iter().all(|waiting| &*waiting.source == "s"));
        }
    }
}
