//! Counters of one configuration. The name that the host gets has the labels in it, in the form of
//! Istio (`registry_auth.LABEL=.=VALUE;.;NAME`), from which proxies make labels of Prometheus.

use std::cell::RefCell;
use std::time::Duration;

use registry_auth_engine::authn::cache::Uses;
use registry_auth_engine::keys::source::{Source, SourceId, labels};
use registry_auth_engine::reason::Reason;
use registry_auth_engine::topic::{Provider, Topic};

use crate::host;

/// Counters by event, defined when they are first used.
#[derive(Default)]
pub(crate) struct Metrics {
    counters: RefCell<Vec<Counter>>,
    /// The value of the label `plugin`.
    plugin: String,
    /// Values of the labels `source` and `provider`, in the order of the sources of keys.
    sources: Vec<String>,
}

struct Counter {
    /// [`Counted::key`] of the event: one comparison finds it.
    key: u32,
    event: Counted,
    id: Option<u32>,
    /// Added since the last flush.
    pending: i64,
}

/// What is counted. None of it names a user or a repository: the number of counters depends on the
/// configuration alone.
#[derive(Clone, Copy)]
pub(crate) enum Counted {
    /// A request was decided.
    Decision(Outcome, Topic),
    /// A fetch of the keys of a source ended; true if it brought some.
    Fetch(SourceId, bool),
    /// A request waited.
    Waits(Stage),
    /// For how many milliseconds.
    WaitMs(Stage),
    /// A caller was looked for in the cache; true if it was there.
    TokenCache(bool),
    /// The next policy decides otherwise; true if it refuses what is granted.
    Shadow(bool),
    /// Anything without labels, by its name.
    Plain(&'static str),
}

/// How a request was decided.
#[derive(Clone, Copy)]
pub(crate) enum Outcome {
    /// It was forwarded.
    Allow,
    /// It was granted, and answered here.
    Answer,
    /// It was refused.
    Deny(Reason),
}

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Stage {
    /// Keys of a source.
    Keys,
    /// An answer of the registry.
    Registry,
    /// An answer of the login service.
    Login,
    /// Its own body.
    Body,
}

impl Metrics {
    /// Those of the configuration of a plugin, which has these sources of keys.
    pub(crate) fn new(plugin: String, sources: &[Source]) -> Self {
        Self {
            counters: RefCell::default(),
            plugin,
            sources: labels(sources),
        }
    }

    /// Returns the name of a gauge of a source.
    pub(crate) fn gauge(&self, source: SourceId, name: &str) -> String {
        let labels = [("source", self.source(source)), ("plugin", &self.plugin)];
        labelled(&labels, name)
    }

    /// Counts one event, and passes it to the host at once.
    pub(crate) fn increment_now(&self, event: Counted) {
        self.increment(event);
        self.flush();
    }

    /// Counts one event, which the host gets with the next tick: a host call per request costs as
    /// much as a decision.
    pub(crate) fn increment(&self, event: Counted) {
        self.add(event, 1);
    }

    /// Counts the end of a wait.
    pub(crate) fn waited(&self, stage: Stage, wait: Duration) {
        self.add(Counted::Waits(stage), 1);
        let millis = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        self.add(Counted::WaitMs(stage), millis);
    }

    /// Counts uses of the cache of callers.
    pub(crate) fn cached(&self, uses: Uses) {
        self.add(Counted::TokenCache(true), uses.hits.into());
        self.add(Counted::TokenCache(false), uses.misses.into());
    }

    fn add(&self, event: Counted, more: i64) {
        let key = event.key();
        let mut counters = self.counters.borrow_mut();
        match counters.iter_mut().find(|counter| counter.key == key) {
            Some(counter) => counter.pending = counter.pending.saturating_add(more),
            None => counters.push(Counter {
                key,
                event,
                id: None,
                pending: more,
            }),
        }
    }

    /// Passes what was added to the host. A failure is not an error: it is passed the next time.
    pub(crate) fn flush(&self) {
        for counter in self
            .counters
            .borrow_mut()
            .iter_mut()
            .filter(|counter| counter.pending > 0)
        {
            counter.id = counter
                .id
                .or_else(|| host::counter(&self.name(counter.event)).ok());
            if counter
                .id
                .is_some_and(|id| host::count(id, counter.pending).is_ok())
            {
                counter.pending = 0;
            }
        }
    }

    fn source(&self, source: SourceId) -> &str {
        self.sources.get(source.index()).map_or("", String::as_str)
    }

    fn name(&self, event: Counted) -> String {
        match event {
            Counted::Decision(outcome, topic) => {
                let (decision, reason) = outcome.labels();
                let provider = match topic.provider() {
                    Provider::None => "",
                    Provider::Certificate => "certificate",
                    Provider::Source(source) => self.source(source),
                };
                let labels = [
                    ("decision", decision),
                    ("reason", reason),
                    ("provider", provider),
                    ("action", topic.operation().name()),
                ];
                labelled(&labels, "decisions")
            }
            Counted::Fetch(source, succeeded) => {
                let outcome = if succeeded { "success" } else { "failure" };
                let labels = [("source", self.source(source)), ("outcome", outcome)];
                labelled(&labels, "fetches")
            }
            Counted::Waits(stage) => labelled(&[("stage", stage.label())], "waits"),
            Counted::WaitMs(stage) => labelled(&[("stage", stage.label())], "wait_ms"),
            Counted::TokenCache(hit) => {
                let result = if hit { "hit" } else { "miss" };
                labelled(&[("result", result)], "token_cache")
            }
            Counted::Shadow(newly_refused) => {
                let kind = if newly_refused {
                    "newly_refused"
                } else {
                    "newly_allowed"
                };
                labelled(&[("kind", kind)], "shadow_disagreements")
            }
            Counted::Plain(name) => labelled(&[], name),
        }
    }
}

/// With its configuration.
impl Drop for Metrics {
    fn drop(&mut self) {
        self.flush();
    }
}

// Kinds of decisions are below.
const _: () = assert!(2 + Reason::ALL.len() <= FETCH as usize);

/// Numbers above those of outcomes, of the other kinds of events.
const FETCH: u32 = 60;
const OTHER: u32 = 61;
const PLAIN: u32 = 62;
/// The bits of [`Counted::key`] that tell events of one kind apart.
const REST: usize = (1 << 26) - 1;

impl Counted {
    /// A number of the event: 6 bits for its kind, 26 for the rest.
    #[inline]
    fn key(self) -> u32 {
        let (kind, rest) = match self {
            Self::Decision(outcome, topic) => (outcome.number(), topic.bits()),
            Self::Fetch(source, succeeded) => {
                let source = u32::try_from(source.index()).unwrap_or(u32::MAX >> 1);
                (FETCH, source << 1 | u32::from(succeeded))
            }
            Self::TokenCache(hit) => (OTHER, u32::from(hit)),
            Self::Waits(stage) => (OTHER, 8 | stage as u32),
            Self::WaitMs(stage) => (OTHER, 16 | stage as u32),
            Self::Shadow(newly_refused) => (OTHER, 32 | u32::from(newly_refused)),
            // A name that is in the module twice has two counters, and both add to one of the host. All
            // are within 64 MiB.
            Self::Plain(name) => (
                PLAIN,
                u32::try_from(name.as_ptr().addr() & REST).unwrap_or_default(),
            ),
        };
        kind << 26 | rest & (u32::MAX >> 6)
    }
}

impl Outcome {
    const fn number(self) -> u32 {
        match self {
            Self::Allow => 0,
            Self::Answer => 1,
            Self::Deny(reason) => 2 + reason as u32,
        }
    }

    /// The labels `decision` and `reason`. A client that is asked for a credential has done nothing
    /// wrong: most begin without one.
    fn labels(self) -> (&'static str, &'static str) {
        match self {
            Self::Allow => ("allow", ""),
            Self::Answer => ("answer", ""),
            Self::Deny(reason @ Reason::NoCredential) => ("challenge", reason.descriptor().label),
            Self::Deny(reason) => ("deny", reason.descriptor().label),
        }
    }
}

impl Stage {
    const fn label(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Registry => "registry",
            Self::Login => "login",
            Self::Body => "body",
        }
    }
}

/// A name with labels; those without a value are left out.
pub(crate) fn labelled(labels: &[(&str, &str)], name: &str) -> String {
    let mut text = "registry_auth.".to_owned();
    for (label, value) in labels.iter().filter(|(_, value)| !value.is_empty()) {
        for part in [label, "=.=", value, ";.;"] {
            text.push_str(part);
        }
    }
    text.push_str(name);
    text
}
