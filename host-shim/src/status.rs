//! The state of the sources, the intakes and their names: written by the tasks that fetch, push and
//! resolve, read by the endpoints.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use registry_auth_engine::time::UnixTime;
use registry_auth_people::service::LoginService;
use tokio::time::Instant;

use crate::source::Failure;

/// The shared state; clones refer to the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Status(Arc<Mutex<State>>);

/// A copy of the state at one time.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// By the name of the set.
    pub(crate) sources: BTreeMap<Arc<str>, SourceState>,
    /// By Envoy and the name of the set.
    pub(crate) feeds: BTreeMap<(Arc<str>, Arc<str>), FeedState>,
    /// By the name of intakes, `dns+http://HOST:PORT`.
    pub(crate) names: BTreeMap<Arc<str>, NameState>,
    /// The login service, where people log in.
    pub(crate) people: Option<PeopleState>,
}

/// The login service, which counts by itself.
#[derive(Clone)]
pub(crate) struct PeopleState(pub(crate) Arc<LoginService>);

impl fmt::Debug for PeopleState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PeopleState")
    }
}

/// The state of a source.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceState {
    /// Number of successful fetches.
    pub(crate) succeeded: u64,
    /// Number of failed fetches, by kind.
    pub(crate) failed: BTreeMap<Failure, u64>,
    /// When the last successful fetch ended.
    pub(crate) last_success: Option<Instant>,
    /// Number of usable keys in it; 0 once they are older than `maxStale`.
    pub(crate) keys: usize,
    /// Number of skipped entries in it.
    pub(crate) skipped: usize,
    /// The generation that the intakes should hold; `None` before the first success and once the
    /// keys are older than `maxStale`.
    pub(crate) generation: Option<u64>,
    /// The failures since the last success, if there was one.
    pub(crate) failing: Option<Failing>,
}

/// Fetches that fail, without a success in between.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failing {
    /// When the first of them ended.
    pub(crate) since: UnixTime,
    /// The kind of the last one.
    pub(crate) last: Failure,
}

/// The state of one set in one Envoy.
#[derive(Clone, Debug, Default)]
pub(crate) struct FeedState {
    /// Number of pushes, by outcome.
    pub(crate) pushes: BTreeMap<&'static str, u64>,
    /// The generation that it holds, 0 for none; `None` if there is no valid response.
    pub(crate) held: Option<u64>,
}

/// The state of a name of intakes.
#[derive(Clone, Debug, Default)]
pub(crate) struct NameState {
    /// Number of successful resolutions.
    pub(crate) resolved: u64,
    /// Number of failed resolutions.
    pub(crate) failed: u64,
    /// Number of intakes that are known by it.
    pub(crate) intakes: usize,
}

/// A reason why the shim is not ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotReady {
    /// The set; `None` if an Envoy is missing whatever the set.
    pub(crate) source: Option<Arc<str>>,
    /// The Envoy, or the name that should lead to some; `None` if the source itself has no valid
    /// keys.
    pub(crate) envoy: Option<Arc<str>>,
    /// What is missing.
    pub(crate) reason: &'static str,
    /// Why the source has no keys, if fetching them failed.
    pub(crate) failing: Option<Failing>,
}

/// Updates the state of one source.
#[derive(Clone, Debug)]
pub(crate) struct SourceReport {
    status: Status,
    set: Arc<str>,
}

/// Updates the state of one set in one Envoy. When it is dropped, because the Envoy is gone, that
/// state is forgotten: Envoys may come and go in any number.
#[derive(Debug)]
pub(crate) struct FeedReport {
    status: Status,
    feed: (Arc<str>, Arc<str>),
}

/// Updates the state of one name of intakes.
#[derive(Clone, Debug)]
pub(crate) struct NameReport {
    status: Status,
    name: Arc<str>,
}

impl Status {
    /// Registers a source; the shim is not ready until it has keys.
    pub(crate) fn source(&self, set: &Arc<str>) -> SourceReport {
        let report = SourceReport {
            status: self.clone(),
            set: Arc::clone(set),
        };
        report.update(|_| ());
        report
    }

    /// Registers a set of an Envoy; the shim is not ready until that Envoy holds it.
    pub(crate) fn feed(&self, envoy: &str, set: &Arc<str>) -> FeedReport {
        let report = FeedReport {
            status: self.clone(),
            feed: (envoy.into(), Arc::clone(set)),
        };
        report.update(|_| ());
        report
    }

    /// Registers a name of intakes; the shim is not ready until it leads to one.
    pub(crate) fn name(&self, name: &str) -> NameReport {
        let report = NameReport {
            status: self.clone(),
            name: name.into(),
        };
        report.update(|_| ());
        report
    }

    /// Names the login service of now.
    pub(crate) fn set_people(&self, service: Option<Arc<LoginService>>) {
        self.change(|state| state.people = service.map(PeopleState));
    }

    /// Removes a source that is no longer fetched, with what is known of it in each Envoy.
    pub(crate) fn forget(&self, set: &Arc<str>) {
        self.change(|state| {
            state.sources.remove(set);
            state.feeds.retain(|(_, fed), _| fed != set);
        });
    }

    /// Returns a copy of the state.
    pub(crate) fn now(&self) -> State {
        self.change(|state| state.clone())
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    /// Returns what of the login service does not work: where it is in the configuration, and why.
    pub(crate) fn degraded(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let service = self.people.as_ref().map(|PeopleState(service)| service);
        let store = service
            .filter(|service| service.state().is_store_failing())
            .map(|_| {
                (
                    "http.auth.sessionDriver",
                    "the store of keys and ended logins does not answer: API keys are refused with 503",
                )
            });
        let directory = service
            .and_then(|service| service.login().directory())
            .filter(|directory| directory.asked().is_open)
            .map(|_| {
                (
                    "http.auth.ldap",
                    "the directory does not answer: its users get 503",
                )
            });
        store.into_iter().chain(directory)
    }

    /// Returns why the shim is not ready; empty if every source has valid keys, every name leads to
    /// an Envoy, and every Envoy holds the keys.
    pub(crate) fn waiting(&self) -> Vec<NotReady> {
        let sources = self.sources.iter().filter_map(|(set, source)| {
            let reason = match (source.generation, source.last_success) {
                (Some(_), _) => return None,
                (None, None) => "no keys fetched yet",
                (None, Some(_)) => "the keys are older than maxStale",
            };
            Some(NotReady {
                source: Some(Arc::clone(set)),
                envoy: None,
                reason,
                failing: source.failing,
            })
        });
        let names = self.names.iter().filter(|(_, name)| name.intakes == 0);
        let names = names.map(|(name, _)| NotReady {
            source: None,
            envoy: Some(Arc::clone(name)),
            reason: "no intake found",
            failing: None,
        });
        let feeds = self.feeds.iter().filter_map(|((envoy, set), feed)| {
            let wanted = self.sources.get(set).and_then(|source| source.generation);
            let reason = match (feed.held, wanted) {
                (None, _) => "no valid response from the intake",
                (Some(held), Some(wanted)) if held < wanted => "it does not hold the current keys",
                (Some(_), _) => return None,
            };
            Some(NotReady {
                source: Some(Arc::clone(set)),
                envoy: Some(Arc::clone(envoy)),
                reason,
                failing: None,
            })
        });
        sources.chain(names).chain(feeds).collect()
    }
}

impl SourceState {
    /// A fetch has failed.
    pub(crate) fn failed(&mut self, failure: Failure, now: UnixTime) {
        *self.failed.entry(failure).or_default() += 1;
        let since = self.failing.map_or(now, |failing| failing.since);
        self.failing = Some(Failing {
            since,
            last: failure,
        });
    }
}

impl SourceReport {
    /// Updates the state of the source.
    pub(crate) fn update(&self, change: impl FnOnce(&mut SourceState)) {
        self.status
            .change(|state| change(state.sources.entry(Arc::clone(&self.set)).or_default()));
    }
}

impl FeedReport {
    /// Updates the state of the set in the Envoy.
    pub(crate) fn update(&self, change: impl FnOnce(&mut FeedState)) {
        self.status
            .change(|state| change(state.feeds.entry(self.feed.clone()).or_default()));
    }

    /// Counts a push.
    pub(crate) fn pushed(&self, outcome: &'static str) {
        self.update(|feed| *feed.pushes.entry(outcome).or_default() += 1);
    }
}

impl Drop for FeedReport {
    fn drop(&mut self) {
        self.status.change(|state| state.feeds.remove(&self.feed));
    }
}

impl NameReport {
    /// Updates the state of the name.
    pub(crate) fn update(&self, change: impl FnOnce(&mut NameState)) {
        self.status
            .change(|state| change(state.names.entry(Arc::clone(&self.name)).or_default()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published generation, the last success, what each of two Envoys reports to hold (if
    /// anything), and the expected reasons.
    type Row = (
        Option<u64>,
        Option<Instant>,
        [Option<Option<u64>>; 2],
        &'static [(Option<&'static str>, &'static str)],
    );

    #[test]
    fn the_shim_is_ready_when_keys_are_fresh_and_held_everywhere() {
        let past = Some(Instant::now());
        let held = |generation| Some(Some(generation));
        let rows: [Row; 6] = [
            (Some(7), past, [held(7), held(8)], &[]),
            (
                Some(7),
                past,
                [held(6), held(7)],
                &[(Some("a"), "it does not hold the current keys")],
            ),
            (
                Some(7),
                past,
                [held(7), Some(None)],
                &[(Some("b"), "no valid response from the intake")],
            ),
            (
                None,
                None,
                [held(0), held(0)],
                &[(None, "no keys fetched yet")],
            ),
            (
                None,
                past,
                [held(7), held(0)],
                &[(None, "the keys are older than maxStale")],
            ),
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
            let feeds = ["a", "b"].map(|envoy| status.feed(envoy, &set));
            for (feed, held) in feeds.iter().zip(held) {
                if let Some(held) = held {
                    feed.update(|feed| feed.held = held);
                }
            }
            let waiting = status.now().waiting();
            let found: Vec<_> = waiting
                .iter()
                .map(|waiting| (waiting.envoy.as_deref(), waiting.reason))
                .collect();
            assert_eq!(found, expected, "{generation:?}");
            assert!(
                waiting
                    .iter()
                    .all(|waiting| waiting.source.as_deref() == Some("s"))
            );
        }
    }

    #[test]
    fn a_name_without_intakes_is_a_reason_and_a_feed_that_ends_is_none() {
        let status = Status::default();
        let name = status.name("dns+http://intakes:9902");
        let reasons = || {
            let waiting = status.now().waiting().into_iter();
            waiting
                .map(|waiting| (waiting.source, waiting.envoy, waiting.reason))
                .collect::<Vec<_>>()
        };
        let nothing = (
            None,
            Some("dns+http://intakes:9902".into()),
            "no intake found",
        );
        assert_eq!(reasons(), std::slice::from_ref(&nothing));
        name.update(|name| name.failed += 1);
        assert_eq!(reasons(), [nothing]);
        name.update(|name| name.intakes = 1);
        let feed = status.feed("http://10.0.0.1:9902", &"s".into());
        assert_eq!(
            reasons(),
            [(
                Some("s".into()),
                Some("http://10.0.0.1:9902".into()),
                "no valid response from the intake"
            )]
        );
        drop(feed);
        assert!(reasons().is_empty() && status.now().feeds.is_empty());
    }
}
