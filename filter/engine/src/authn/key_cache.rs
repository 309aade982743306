//! When the keys of one source are fetched, and how long they are used. Decisions only: the host fetches.

use std::time::Duration;

use crate::time::UnixTime;

/// Keys are fetched again after this time when the issuer names none.
const DEFAULT_AGE: Duration = Duration::from_mins(5);
/// Bounds of what an issuer may name.
const MIN_AGE: Duration = Duration::from_mins(1);
const MAX_AGE: Duration = Duration::from_hours(1);
/// At most one fetch in this time because of unknown key ids.
const UNKNOWN_KEY_LIMIT: Duration = Duration::from_secs(5);
/// The first wait after a failure; doubled for each further one.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const MAX_RETRY: Duration = Duration::from_mins(1);

/// Whether a request that lacks a key may wait for a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Start one, and wait.
    Fetch,
    /// One is under way: wait.
    Join,
    /// There will be none soon: decide with what is here.
    No,
}

/// The fetch state of one source.
#[derive(Clone, Debug)]
pub struct KeyCache {
    max_stale: Duration,
    in_flight: bool,
    last_attempt: Option<UnixTime>,
    last_success: Option<UnixTime>,
    refresh_at: UnixTime,
    retry_at: UnixTime,
    failures: u32,
}

impl KeyCache {
    /// Nothing fetched yet; keys will be used for `max_stale` after each success.
    #[must_use]
    pub fn new(max_stale: Duration) -> Self {
        let start = UnixTime::from_millis(i64::MIN);
        Self {
            max_stale,
            in_flight: false,
            last_attempt: None,
            last_success: None,
            refresh_at: start,
            retry_at: start,
            failures: 0,
        }
    }

    /// A request has no key: none are held (`unknown_key` false), or none with its key id. [`Wanted::Fetch`] counts as started.
    pub fn want(&mut self, unknown_key: bool, now: UnixTime) -> Wanted {
        if self.in_flight {
            return Wanted::Join;
        }
        let recent = |limit| self.last_attempt.is_some_and(|last| last <= now && now.since(last) < limit);
        let too_soon = if unknown_key { recent(UNKNOWN_KEY_LIMIT) } else { false };
        if too_soon || self.backs_off(now) {
            return Wanted::No;
        }
        self.start(now);
        Wanted::Fetch
    }

    /// Whether the keys should be fetched again before they are missed. True counts as started.
    pub fn refresh_due(&mut self, now: UnixTime) -> bool {
        let due = self.last_success.is_some() && !self.in_flight && now >= self.refresh_at && !self.backs_off(now);
        if due {
            self.start(now);
        }
        due
    }

    /// Keys came. `max_age` is the answer's `Cache-Control`; `jitter` is any number and spreads refreshes over the last fifth.
    pub fn succeed(&mut self, max_age: Option<Duration>, jitter: u32, now: UnixTime) {
        let age = refresh_after(max_age);
        self.in_flight = false;
        self.failures = 0;
        self.last_success = Some(now);
        self.retry_at = now;
        self.refresh_at = now.after(shortened(age, jitter));
    }

    /// The fetch failed. The next one waits: 1 s, doubling up to 60 s, with jitter.
    pub fn fail(&mut self, jitter: u32, now: UnixTime) {
        let wait = FIRST_RETRY.saturating_mul(2_u32.saturating_pow(self.failures.min(16))).min(MAX_RETRY);
        self.in_flight = false;
        self.failures = self.failures.saturating_add(1);
        self.retry_at = now.after(shortened(wait, jitter));
    }

    /// Whether held keys are older than `max_stale` and must go.
    #[must_use]
    pub fn stale(&self, now: UnixTime) -> bool {
        self.last_success.is_some_and(|last| now.since(last) >= self.max_stale)
    }

    fn start(&mut self, now: UnixTime) {
        self.in_flight = true;
        self.last_attempt = Some(now);
    }

    /// A clock that jumped back must not make the wait longer than it can be.
    fn backs_off(&self, now: UnixTime) -> bool {
        now < self.retry_at && self.retry_at.since(now) <= MAX_RETRY
    }
}

/// How long after a fetch the keys of an issuer are fetched again, given the `max-age` of its answer.
#[must_use]
pub fn refresh_after(max_age: Option<Duration>) -> Duration {
    max_age.unwrap_or(DEFAULT_AGE).clamp(MIN_AGE, MAX_AGE)
}

/// The directive `max-age` of a `Cache-Control` header (RFC 9111 section 5.2.2.1).
#[must_use]
pub fn max_age(cache_control: &str) -> Option<Duration> {
    let value = cache_control.split(',').find_map(|directive| {
        let (name, value) = directive.trim().split_once('=')?;
        name.eq_ignore_ascii_case("max-age").then_some(value)
    })?;
    value.trim_matches('"').parse().ok().map(Duration::from_secs)
}

/// Between four fifths of a duration and all of it.
fn shortened(duration: Duration, jitter: u32) -> Duration {
    let share = jitter % 1000;
    duration.saturating_sub((duration / 5_000).saturating_mul(share))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> UnixTime {
        UnixTime::from_millis(millis)
    }

    fn cache() -> KeyCache {
        KeyCache::new(Duration::from_hours(1))
    }

    #[test]
    fn one_fetch_serves_all_who_wait() {
        let mut cache = cache();
        assert_eq!(cache.want(false, at(0)), Wanted::Fetch);
        assert_eq!(cache.want(false, at(1)), Wanted::Join);
        assert_eq!(cache.want(true, at(1)), Wanted::Join);
        assert!(!cache.refresh_due(at(1)));
    }

    #[test]
    fn an_unknown_key_fetches_at_most_once_in_five_seconds() {
        let mut cache = cache();
        assert_eq!(cache.want(false, at(0)), Wanted::Fetch);
        cache.succeed(None, 0, at(10));
        assert_eq!(cache.want(true, at(4_999)), Wanted::No);
        assert_eq!(cache.want(true, at(5_000)), Wanted::Fetch);
        cache.succeed(None, 0, at(5_010));
        assert_eq!(cache.want(true, at(9_999)), Wanted::No);
    }

    #[test]
    fn failures_back_off_to_a_minute_and_success_ends_it() {
        let mut cache = cache();
        let mut now = 0;
        for wait in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            assert_eq!(cache.want(false, at(now)), Wanted::Fetch);
            cache.fail(0, at(now));
            assert_eq!(cache.want(false, at(now + wait * 1000 - 1)), Wanted::No);
            now += wait * 1000;
        }
        assert_eq!(cache.want(false, at(now)), Wanted::Fetch);
        cache.succeed(None, 0, at(now));
        assert_eq!(cache.want(false, at(now)), Wanted::Fetch);
    }

    #[test]
    fn keys_are_refreshed_within_the_bounds_and_dropped_when_stale() {
        for (max_age, seconds) in [(None, 300), (Some(1), 60), (Some(90), 90), (Some(100_000), 3600)] {
            let mut cache = cache();
            cache.want(false, at(0));
            cache.succeed(max_age.map(Duration::from_secs), 0, at(0));
            assert!(!cache.refresh_due(at(seconds * 1000 - 1)), "{max_age:?}");
            assert!(cache.refresh_due(at(seconds * 1000)), "{max_age:?}");
            assert!(!cache.refresh_due(at(seconds * 1000)), "a refresh starts once");
            assert!(!cache.stale(at(3_599_999)));
            assert!(cache.stale(at(3_600_000)));
        }
    }

    #[test]
    fn max_age_is_read_as_it_is_written() {
        let rows = [
            ("max-age=3600", Some(3600)),
            ("public, Max-Age=\"90\" ,must-revalidate", Some(90)),
            ("max-age=0", Some(0)),
            ("s-maxage=5", None),
            ("max-age=-1", None),
            ("max-age", None),
            ("no-store", None),
            ("", None),
        ];
        for (text, seconds) in rows {
            assert_eq!(max_age(text), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn jitter_takes_at_most_a_fifth() {
        for jitter in [0, 1, 999, 1000, u32::MAX] {
            let short = shortened(Duration::from_secs(100), jitter);
            assert!(short >= Duration::from_secs(80) && short <= Duration::from_secs(100), "{jitter}");
        }
    }

    #[test]
    fn a_clock_that_jumps_back_does_not_block_fetches_for_ever() {
        let mut cache = cache();
        cache.want(false, at(10_000_000));
        cache.fail(0, at(10_000_000));
        assert_eq!(cache.want(false, at(0)), Wanted::Fetch);
        cache.succeed(None, 0, at(0));
        assert_eq!(cache.want(true, at(-10_000_000)), Wanted::Fetch);
    }
}
