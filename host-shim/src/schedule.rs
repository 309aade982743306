//! When to fetch from a source again. Pure: the current time is an argument.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

/// Time between fetches if the configuration has no interval, or zero (as in zot).
const DEFAULT_INTERVAL: Duration = Duration::from_mins(1);
/// Minimum time between the last fetch and one that an unknown key id causes.
const WANTED_GAP: Duration = Duration::from_secs(5);
/// Minimum and maximum pause after an error. Jitter adds up to the same time, so that no pause
/// exceeds a minute.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Computes when the next fetch is due.
#[derive(Debug)]
pub(crate) struct Schedule {
    interval: Duration,
    longest: Duration,
    due: Instant,
    asked: Option<Instant>,
    back_off: Option<ExponentialBackoff>,
}

impl Schedule {
    /// Creates a schedule whose first fetch is due at `now`. The interval is at most half of
    /// `max_stale`, so that an outage that begins with a fetch may last the other half before the
    /// keys expire.
    pub(crate) fn new(interval: Option<Duration>, max_stale: Duration, now: Instant) -> Self {
        let interval = interval
            .filter(|interval| !interval.is_zero())
            .unwrap_or(DEFAULT_INTERVAL);
        Self {
            interval,
            longest: max_stale / 2,
            due: now,
            asked: None,
            back_off: None,
        }
    }

    /// Returns when the next fetch is due.
    pub(crate) const fn due(&self) -> Instant {
        self.due
    }

    /// Records the start of a fetch.
    pub(crate) const fn started(&mut self, now: Instant) {
        self.asked = Some(now);
    }

    /// Records a successful fetch and returns the time until the next one: `again_after` of the
    /// source, else the interval, minus up to a tenth as jitter, so that instances that started
    /// together drift apart.
    pub(crate) fn succeeded(&mut self, again_after: Option<Duration>, now: Instant) -> Duration {
        self.back_off = None;
        let interval = again_after.unwrap_or(self.interval).min(self.longest);
        let wait = interval.mul_f64(1.0 - fastrand::f64() / 10.0);
        self.due = later(now, wait);
        wait
    }

    /// Records a failed fetch and returns the pause until the next one, which doubles with each
    /// failure.
    pub(crate) fn failed(&mut self, now: Instant) -> Duration {
        let (first, last) = BACK_OFF;
        let back_off = self.back_off.get_or_insert_with(|| {
            let builder = ExponentialBuilder::new()
                .with_min_delay(first)
                .with_max_delay(last);
            builder.with_jitter().without_max_times().build()
        });
        let pause = back_off.next().unwrap_or(last);
        self.due = later(now, pause);
        pause
    }

    /// Moves the next fetch forward because a filter has received a token with an unknown key id:
    /// at most one fetch in five seconds, and none while the source is failing.
    pub(crate) fn wanted(&mut self, now: Instant) {
        if self.back_off.is_some() {
            return;
        }
        let earliest = self
            .asked
            .map_or(now, |asked| later(asked, WANTED_GAP).max(now));
        self.due = self.due.min(earliest);
    }
}

/// Adds without overflow: a wait of more than a year is a year.
fn later(now: Instant, wait: Duration) -> Instant {
    const YEAR: Duration = Duration::from_hours(365 * 24);
    now + wait.min(YEAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn the_interval_is_a_minute_unless_the_configuration_or_the_source_says_and_ends_at_most_a_tenth_early()
     {
        let rows = [
            (None, seconds(60)),
            (Some(Duration::ZERO), seconds(60)),
            (Some(seconds(10)), seconds(10)),
            (Some(Duration::MAX), seconds(365 * 24 * 3600)),
        ];
        let start = Instant::now();
        for (configured, interval) in rows {
            let mut schedule = Schedule::new(configured, Duration::MAX, start);
            assert_eq!(schedule.due(), start, "the first ask is due at once");
            for (said, interval) in [(None, interval), (Some(seconds(300)), seconds(300))] {
                schedule.succeeded(said, start);
                let wait = schedule.due() - start;
                assert!(
                    wait <= interval && wait >= interval.mul_f64(0.9),
                    "{configured:?} {said:?}: {wait:?}"
                );
            }
        }
    }

    #[test]
    fn keys_are_asked_for_twice_before_they_are_too_old() {
        let start = Instant::now();
        for (configured, said) in [(Some(seconds(7200)), None), (None, Some(seconds(3600)))] {
            let mut schedule = Schedule::new(configured, HOUR, start);
            schedule.succeeded(said, start);
            let wait = schedule.due() - start;
            assert!(
                wait <= HOUR / 2 && wait >= HOUR.mul_f64(0.45),
                "{configured:?} {said:?}: {wait:?}"
            );
        }
    }

    #[test]
    fn pauses_double_up_to_a_minute_and_start_again_after_a_success() {
        let start = Instant::now();
        let mut schedule = Schedule::new(None, HOUR, start);
        for base in [1, 2, 4, 8, 16, 30, 30, 30] {
            let pause = schedule.failed(start);
            assert!(
                pause >= seconds(base) && pause <= seconds(2 * base),
                "{base}: {pause:?}"
            );
            assert_eq!(schedule.due(), start + pause);
        }
        schedule.succeeded(None, start);
        assert!(schedule.failed(start) <= seconds(2));
    }

    #[test]
    fn a_wanted_key_is_asked_for_early_but_not_within_five_seconds_of_the_last_ask() {
        let start = Instant::now();
        for (since_ask, expected) in [(0, 5), (3, 5), (5, 5), (20, 20)] {
            let mut schedule = Schedule::new(None, HOUR, start);
            schedule.started(start);
            schedule.succeeded(None, start);
            schedule.wanted(start + seconds(since_ask));
            assert_eq!(
                schedule.due(),
                start + seconds(expected),
                "{since_ask} seconds after the ask"
            );
        }
    }

    #[test]
    fn a_wanted_key_never_delays_and_never_shortens_a_pause_after_an_error() {
        let start = Instant::now();
        let mut schedule = Schedule::new(Some(seconds(2)), HOUR, start);
        schedule.started(start);
        schedule.succeeded(None, start);
        let due = schedule.due();
        schedule.wanted(start);
        assert_eq!(schedule.due(), due);

        schedule.failed(start);
        let due = schedule.due();
        schedule.wanted(start + seconds(20));
        assert_eq!(schedule.due(), due);
    }
}
