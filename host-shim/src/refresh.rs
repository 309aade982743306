//! Keeps a key set fresh: fetches it from its source, publishes it, and withdraws it when it is
//! older than `maxStale`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use registry_auth_engine::keys::source::DEFAULT_MAX_STALE;
use registry_auth_engine::time::UnixTime;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::feedback::Feedback;
use crate::generation::next_generation;
use crate::keys::{SkippedEntry, SourceKeys};
use crate::schedule::Schedule;
use crate::source::{Failure, FetchError, Fetched, Source};
use crate::status::SourceReport;

/// Time limit for a fetch, including its credentials.
const FETCH_TIMEOUT: Duration = Duration::from_secs(20);
/// Maximum number of key ids per log line, and of characters of each.
const SHOWN: (usize, usize) = (20, 100);

/// A key set as it is pushed to the intakes.
#[derive(Clone, PartialEq)]
pub(crate) struct Published {
    /// When the fetch started, in Unix milliseconds; strictly increasing unless the clock was far
    /// ahead.
    pub(crate) generation: u64,
    /// The time of the last successful fetch plus `maxStale`.
    pub(crate) not_after: UnixTime,
    /// A JWKS of public keys; in a signing set the first key is private.
    pub(crate) jwks: serde_json::Value,
}

impl fmt::Debug for Published {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Published")
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

/// The two configured durations; absent means the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Timing {
    /// `refreshInterval`; a time given by the source takes precedence.
    pub(crate) interval: Option<Duration>,
    /// `maxStale`
    pub(crate) max_stale: Option<Duration>,
}

/// The refresher's ends of its channels.
pub(crate) struct Channels {
    /// The set that the intakes should hold; `None` while there is none that is valid.
    pub(crate) keys: watch::Sender<Option<Arc<Published>>>,
    /// Feedback of the intakes.
    pub(crate) feedback: watch::Receiver<Feedback>,
    /// The state that the endpoints report.
    pub(crate) report: SourceReport,
}

/// The task that keeps the key set of one source fresh.
pub(crate) struct Refresher<S, C> {
    source: S,
    clock: C,
    channels: Channels,
    schedule: Schedule,
    max_stale: Duration,
    generation: u64,
    stale_at: Option<Instant>,
    log_state: LogState,
}

/// What was logged last, to log changes only.
#[derive(Default)]
struct LogState {
    failing: bool,
    key_ids: Vec<String>,
    skipped: Vec<SkippedEntry>,
}

impl<S: Source, C: Fn() -> UnixTime> Refresher<S, C> {
    /// Creates a refresher whose first fetch is due immediately. `clock` is the wall clock.
    pub(crate) fn new(source: S, timing: Timing, clock: C, channels: Channels) -> Self {
        let max_stale = timing.max_stale.unwrap_or(DEFAULT_MAX_STALE);
        Self {
            source,
            clock,
            channels,
            schedule: Schedule::new(timing.interval, max_stale, Instant::now()),
            max_stale,
            generation: 0,
            stale_at: None,
            log_state: LogState::default(),
        }
    }

    /// Runs until the push tasks have ended.
    pub(crate) async fn run(mut self) {
        loop {
            let stale_at = self.stale_at;
            tokio::select! {
                biased;
                () = sleep_until(self.schedule.due()) => self.refresh().await,
                () = until(stale_at) => self.withdraw(),
                changed = self.channels.feedback.changed() => match changed {
                    Ok(()) => self.on_wanted(),
                    Err(_) => return,
                },
            }
        }
    }

    async fn refresh(&mut self) {
        self.schedule.started(Instant::now());
        let asked = (self.clock)();
        match timeout(FETCH_TIMEOUT, self.source.fetch()).await {
            Ok(Ok(fetched)) => self.publish(fetched, asked),
            Ok(Err(error)) => self.failed(&error),
            Err(_) => self.failed(&FetchError::new(Failure::Timeout, &"timed out")),
        }
    }

    fn failed(&mut self, error: &FetchError) {
        let pause = self.schedule.failed(Instant::now());
        self.log_state.failing = true;
        let now = (self.clock)();
        self.channels
            .report
            .update(|source| source.failed(error.failure, now));
        let retry_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        let holding = self.stale_at.is_some();
        tracing::warn!(%error, retry_ms, holding, "refreshing the keys failed");
    }

    /// The generation is the time at which the fetch started: a filter must not treat a key as
    /// unknown that may have been published since.
    fn publish(&mut self, fetched: Fetched, asked: UnixTime) {
        let Fetched { keys, again_after } = fetched;
        let (now, wall) = (Instant::now(), (self.clock)());
        let wait = self.schedule.succeeded(again_after, now);
        self.stale_at = now.checked_add(self.max_stale);
        self.generation = next_generation(asked, self.generation);
        self.log_state.log_refresh(&keys, self.generation, wait);
        self.channels.report.update(|source| {
            source.succeeded += 1;
            source.last_success = Some(now);
            (source.keys, source.skipped) = (keys.key_ids.len(), keys.skipped.len());
            source.generation = Some(self.generation);
            source.failing = None;
        });
        let published = Published {
            generation: self.generation,
            not_after: wall.after(self.max_stale),
            jwks: keys.jwks,
        };
        self.channels.keys.send_replace(Some(Arc::new(published)));
    }

    /// Stops pushing a set that has expired. Filters discard it at its `not_after`, and intakes
    /// would refuse it.
    fn withdraw(&mut self) {
        self.stale_at = None;
        self.channels.keys.send_replace(None);
        self.channels.report.update(|source| {
            source.keys = 0;
            source.generation = None;
        });
        tracing::error!(
            generation = self.generation,
            "the keys are older than maxStale and are no longer pushed"
        );
    }

    fn on_wanted(&mut self) {
        let wanted = self
            .channels
            .feedback
            .borrow_and_update()
            .wants_newer_than(self.generation);
        if wanted {
            tracing::debug!("a filter has received a token with an unknown key id");
            self.schedule.wanted(Instant::now());
        }
    }
}

impl LogState {
    /// Logs a refreshed set: changes at `info`, anything else at `debug`.
    fn log_refresh(&mut self, keys: &SourceKeys, generation: u64, wait: Duration) {
        if self.skipped != keys.skipped {
            for SkippedEntry { key_id, reason } in keys.skipped.iter().take(SHOWN.0) {
                tracing::warn!(kid = truncated(key_id), reason, "skipped an entry");
            }
            self.skipped.clone_from(&keys.skipped);
        }
        let kids = keys
            .key_ids
            .iter()
            .take(SHOWN.0)
            .map(|id| truncated(id))
            .collect::<Vec<_>>()
            .join(" ");
        let (count, skipped, next_s) = (keys.key_ids.len(), keys.skipped.len(), wait.as_secs());
        if self.failing || self.key_ids != keys.key_ids {
            tracing::info!(
                generation,
                kids,
                keys = count,
                skipped,
                next_s,
                "refreshed the keys"
            );
            self.key_ids.clone_from(&keys.key_ids);
        } else {
            tracing::debug!(
                generation,
                kids,
                keys = count,
                skipped,
                next_s,
                "refreshed the keys, no key id changed"
            );
        }
        self.failing = false;
    }
}

/// Truncates a key id for the log: its length is the choice of whoever publishes the key.
fn truncated(key_id: &str) -> String {
    key_id.chars().take(SHOWN.1).collect()
}

async fn until(point: Option<Instant>) {
    match point {
        Some(point) => sleep_until(point).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
