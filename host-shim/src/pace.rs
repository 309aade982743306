//! When to ask Secrets Manager again: pure decisions about points in time.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

/// Time between refreshes when the configuration names none, or zero (zot does the same).
const DEFAULT_INTERVAL: Duration = Duration::from_mins(1);
/// The least time between two asks that an unknown key id causes.
const WANTED_GAP: Duration = Duration::from_secs(5);
/// The first pause after an error, and the last one; jitter adds up to as much again, so that no pause is above a minute.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Says when the next ask is due.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    due: Instant,
    asked: Option<Instant>,
    back_off: Option<ExponentialBackoff>,
}

impl Pace {
    /// Starts with an ask that is due at once.
    pub(crate) fn new(interval: Option<Duration>, now: Instant) -> Self {
        let interval = interval.filter(|interval| !interval.is_zero()).unwrap_or(DEFAULT_INTERVAL);
        Self { interval, due: now, asked: None, back_off: None }
    }

    /// When to ask next.
    pub(crate) const fn due(&self) -> Instant {
        self.due
    }

    /// An ask begins.
    pub(crate) const fn asks(&mut self, now: Instant) {
        self.asked = Some(now);
    }

    /// The ask gave a key set: the next one follows after the interval, a tenth of it earlier at most, so that instances that
    /// started together drift apart.
    pub(crate) fn succeeded(&mut self, now: Instant) {
        self.back_off = None;
        self.due = later(now, self.interval.mul_f64(1.0 - fastrand::f64() / 10.0));
    }

    /// The ask failed: the pause doubles from one failure to the next. Returns the pause.
    pub(crate) fn failed(&mut self, now: Instant) -> Duration {
        let (first, last) = BACK_OFF;
        let back_off = self.back_off.get_or_insert_with(|| {
            let builder = ExponentialBuilder::new().with_min_delay(first).with_max_delay(last);
            builder.with_jitter().without_max_times().build()
        });
        let pause = back_off.next().unwrap_or(last);
        self.due = later(now, pause);
        pause
    }

    /// A filter met a key id that the set does not hold: ask early, but not more often than every five seconds, and not
    /// against a source that is failing.
    pub(crate) fn wanted(&mut self, now: Instant) {
        if self.back_off.is_some() {
            return;
        }
        let earliest = self.asked.map_or(now, |asked| later(asked, WANTED_GAP).max(now));
        self.due = self.due.min(earliest);
    }
}

/// Adds without overflow: an absurd interval means "in a year", not a panic.
fn later(now: Instant, wait: Duration) -> Instant {
    const YEAR: Duration = Duration::from_hours(365 * 24);
    now + wait.min(YEAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn the_interval_is_a_minute_unless_told_and_ends_at_most_a_tenth_early() {
        let rows = [
            (None, seconds(60)),
            (Some(Duration::ZERO), seconds(60)),
            (Some(seconds(10)), seconds(10)),
            (Some(Duration::MAX), seconds(365 * 24 * 3600)),
        ];
        let start = Instant::now();
        for (configured, interval) in rows {
            let mut pace = Pace::new(configured, start);
            assert_eq!(pace.due(), start, "the first ask is due at once");
            pace.succeeded(start);
            let wait = pace.due() - start;
            assert!(wait <= interval && wait >= interval.mul_f64(0.9), "{configured:?}: {wait:?}");
        }
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_start_again_after_a_success() {
        let start = Instant::now();
        let mut pace = Pace::new(None, start);
        for base in [1, 2, 4, 8, 16, 30, 30, 30] {
            let pause = pace.failed(start);
            assert!(pause >= seconds(base) && pause <= seconds(2 * base), "{base}: {pause:?}");
            assert_eq!(pace.due(), start + pause);
        }
        pace.succeeded(start);
        assert!(pace.failed(start) <= seconds(2));
    }

    #[test]
    fn a_wanted_key_is_asked_for_early_but_not_within_five_seconds_of_the_last_ask() {
        let start = Instant::now();
        for (since_ask, expected) in [(0, 5), (3, 5), (5, 5), (20, 20)] {
            let mut pace = Pace::new(None, start);
            pace.asks(start);
            pace.succeeded(start);
            pace.wanted(start + seconds(since_ask));
            assert_eq!(pace.due(), start + seconds(expected), "{since_ask} seconds after the ask");
        }
    }

    #[test]
    fn a_wanted_key_never_delays_and_never_shortens_a_pause_after_an_error() {
        let start = Instant::now();
        let mut pace = Pace::new(Some(seconds(2)), start);
        pace.asks(start);
        pace.succeeded(start);
        let due = pace.due();
        pace.wanted(start);
        assert_eq!(pace.due(), due);

        pace.failed(start);
        let due = pace.due();
        pace.wanted(start + seconds(20));
        assert_eq!(pace.due(), due);
    }
}
