//! Keeps the key set fresh: asks the source, publishes what it gave, withdraws what has become too old.

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
use crate::pace::Pace;
use crate::source::{Failure, FetchError, Fetched, Source};
use crate::status::SourceReport;

/// The longest that one ask may take, credentials included.
const ASK_TIMEOUT: Duration = Duration::from_secs(20);
/// How many names of keys one line of the log has, and how much of each.
const SHOWN: (usize, usize) = (20, 100);

/// A key set as it goes to the intakes.
#[derive(Clone, PartialEq)]
pub(crate) struct Published {
    /// When the source was asked, in Unix milliseconds; always increasing unless the clock was far ahead.
    pub(crate) generation: u64,
    /// The last success plus `maxStale`.
    pub(crate) not_after: UnixTime,
    /// A JWKS with public keys only, or with the private one that signs.
    pub(crate) jwks: serde_json::Value,
}

impl fmt::Debug for Published {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Published").field("generation", &self.generation).finish_non_exhaustive()
    }
}

/// The two configured durations; absent means the default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timing {
    /// `refreshInterval`; what the source says counts more.
    pub(crate) interval: Option<Duration>,
    /// `maxStale`
    pub(crate) max_stale: Option<Duration>,
}

/// The refresher's ends of what it shares with others.
pub(crate) struct Channels {
    /// What the intakes shall hold; `None` as long as there is nothing to use.
    pub(crate) keys: watch::Sender<Option<Arc<Published>>>,
    /// What the intakes tell.
    pub(crate) feedback: watch::Receiver<Feedback>,
    /// What the endpoints tell.
    pub(crate) report: SourceReport,
}

/// The refresher: one task, one source.
pub(crate) struct Refresher<S, C> {
    source: S,
    clock: C,
    channels: Channels,
    pace: Pace,
    max_stale: Duration,
    generation: u64,
    stale_at: Option<Instant>,
    told: Told,
}

/// What the log has said already.
#[derive(Default)]
struct Told {
    failing: bool,
    key_ids: Vec<String>,
    skipped: Vec<SkippedEntry>,
}

impl<S: Source, C: Fn() -> UnixTime> Refresher<S, C> {
    /// A refresher whose first ask is due at once. `clock` is the wall clock.
    pub(crate) fn new(source: S, timing: Timing, clock: C, channels: Channels) -> Self {
        let max_stale = timing.max_stale.unwrap_or(DEFAULT_MAX_STALE);
        Self {
            source,
            clock,
            channels,
            pace: Pace::new(timing.interval, max_stale, Instant::now()),
            max_stale,
            generation: 0,
            stale_at: None,
            told: Told::default(),
        }
    }

    /// Runs until the push tasks are gone.
    pub(crate) async fn run(mut self) {
        loop {
            let stale_at = self.stale_at;
            tokio::select! {
                biased;
                () = sleep_until(self.pace.due()) => self.refresh().await,
                () = until(stale_at) => self.withdraw(),
                changed = self.channels.feedback.changed() => match changed {
                    Ok(()) => self.heed(),
                    Err(_) => return,
                },
            }
        }
    }

    async fn refresh(&mut self) {
        self.pace.asks(Instant::now());
        let asked = (self.clock)();
        match timeout(ASK_TIMEOUT, self.source.fetch()).await {
            Ok(Ok(fetched)) => self.publish(fetched, asked),
            Ok(Err(error)) => self.failed(&error),
            Err(_) => self.failed(&FetchError::new(Failure::Timeout, &"there is no answer in time")),
        }
    }

    fn failed(&mut self, error: &FetchError) {
        let pause = self.pace.failed(Instant::now());
        self.told.failing = true;
        self.channels.report.update(|source| *source.failed.entry(error.failure).or_default() += 1);
        let retry_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
        let holding = self.stale_at.is_some();
        tracing::warn!(%error, retry_ms, holding, "the keys could not be refreshed");
    }

    /// The generation tells when the source was asked: a filter calls no key unknown that may have been published since.
    fn publish(&mut self, fetched: Fetched, asked: UnixTime) {
        let Fetched { keys, again_after } = fetched;
        let (now, wall) = (Instant::now(), (self.clock)());
        let wait = self.pace.succeeded(again_after, now);
        self.stale_at = now.checked_add(self.max_stale);
        self.generation = next_generation(asked, self.generation);
        self.told.tell(&keys, self.generation, wait);
        self.channels.report.update(|source| {
            source.succeeded += 1;
            source.last_success = Some(now);
            (source.keys, source.skipped) = (keys.key_ids.len(), keys.skipped.len());
            source.generation = Some(self.generation);
        });
        let published =
            Published { generation: self.generation, not_after: wall.after(self.max_stale), jwks: keys.jwks };
        self.channels.keys.send_replace(Some(Arc::new(published)));
    }

    /// The filter gives up a set at its `not_after` by itself; to push it again would only be refused.
    fn withdraw(&mut self) {
        self.stale_at = None;
        self.channels.keys.send_replace(None);
        self.channels.report.update(|source| {
            source.keys = 0;
            source.generation = None;
        });
        tracing::error!(generation = self.generation, "the keys are older than maxStale, nothing is left to push");
    }

    fn heed(&mut self) {
        let wanted = self.channels.feedback.borrow_and_update().wants_newer_than(self.generation);
        if wanted {
            tracing::debug!("a filter met an unknown key id");
            self.pace.wanted(Instant::now());
        }
    }
}

impl Told {
    /// Logs a refreshed set: what changed loudly, the rest quietly.
    fn tell(&mut self, keys: &SourceKeys, generation: u64, wait: Duration) {
        if self.skipped != keys.skipped {
            for SkippedEntry { key_id, reason } in keys.skipped.iter().take(SHOWN.0) {
                tracing::warn!(kid = shortened(key_id), reason, "an entry is skipped");
            }
            self.skipped.clone_from(&keys.skipped);
        }
        let kids = keys.key_ids.iter().take(SHOWN.0).map(|id| shortened(id)).collect::<Vec<_>>().join(" ");
        let (count, skipped, next_s) = (keys.key_ids.len(), keys.skipped.len(), wait.as_secs());
        if self.failing || self.key_ids != keys.key_ids {
            tracing::info!(generation, kids, keys = count, skipped, next_s, "the keys are read");
            self.key_ids.clone_from(&keys.key_ids);
        } else {
            tracing::debug!(generation, kids, keys = count, skipped, next_s, "the keys are read again");
        }
        self.failing = false;
    }
}

/// What of a name goes to the log: whoever publishes keys chooses their names.
fn shortened(key_id: &str) -> String {
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
