//! How long fetched keys are used.

use std::time::Duration;

use serde_json::{Value, json};

use super::with_jitter;
use crate::time::UnixTime;

/// Keys are fetched again after this time when the issuer names none.
const DEFAULT_AGE: Duration = Duration::from_mins(5);
/// Bounds of what an issuer may name.
const MIN_AGE: Duration = Duration::from_mins(1);
const MAX_AGE: Duration = Duration::from_hours(1);

/// When keys were fetched, and when they are to be fetched again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// When the request was sent that they are the answer to.
    asked: UnixTime,
    fetched: UnixTime,
    refresh_at: UnixTime,
}

impl Freshness {
    /// Of keys that came now. They are fetched again after `age` (see [`refresh_after`]), at most a
    /// fifth earlier by `jitter`.
    #[must_use]
    pub fn begin(age: Duration, jitter: u32, now: UnixTime) -> Self {
        Self {
            asked: now,
            fetched: now,
            refresh_at: now.after(with_jitter(age, jitter)),
        }
    }

    /// The same for keys that were asked for earlier than they came.
    #[must_use]
    pub fn asked_at(self, asked: UnixTime) -> Self {
        Self {
            asked: asked.min(self.fetched),
            ..self
        }
    }

    /// The same, but fetched again after half of `max_stale` at the latest: an outage just then
    /// must not end the keys at once.
    #[must_use]
    pub fn within(self, max_stale: Duration) -> Self {
        Self {
            refresh_at: self.refresh_at.min(self.fetched.after(max_stale / 2)),
            ..self
        }
    }

    /// Returns true if the issuer was asked for the keys at `time` or later: a key that was
    /// published before then is among them, unless it was taken back.
    #[must_use]
    pub fn covers(&self, time: UnixTime) -> bool {
        self.asked >= time
    }

    /// When the keys came.
    #[must_use]
    pub const fn fetched(&self) -> UnixTime {
        self.fetched
    }

    /// Returns true if they should be fetched again, before they are stale.
    #[must_use]
    pub fn is_refresh_due(&self, now: UnixTime) -> bool {
        now >= self.refresh_at
    }

    /// Returns true if they are older than `max_stale` and must not be used.
    #[must_use]
    pub fn is_stale(&self, max_stale: Duration, now: UnixTime) -> bool {
        now.since(self.fetched) >= max_stale
    }

    /// The same with a clock that may have jumped back behind the fetch: their age is measured from
    /// the jump, they are fetched again, and whatever is fetched from now on is newer.
    #[must_use]
    pub fn at(&self, now: UnixTime) -> Self {
        let before = now.before(Duration::from_millis(1));
        let jumped = Self {
            asked: before,
            fetched: before,
            refresh_at: now,
        };
        if now < self.fetched { jumped } else { *self }
    }

    /// As JSON, for other workers.
    pub(super) fn to_json(self) -> Value {
        json!({
            "asked": self.asked.millis(),
            "fetched": self.fetched.millis(),
            "refresh": self.refresh_at.millis(),
        })
    }

    /// The reverse of [`Self::to_json`]; `None` if a member is missing or of another type.
    pub(super) fn from_json(value: &Value) -> Option<Self> {
        let time = |name: &str| {
            value
                .get(name)
                .and_then(Value::as_i64)
                .map(UnixTime::from_millis)
        };
        let (asked, fetched, refresh_at) = (time("asked")?, time("fetched")?, time("refresh")?);
        Some(
            Self {
                asked: fetched,
                fetched,
                refresh_at,
            }
            .asked_at(asked),
        )
    }
}

/// How long after a fetch the keys of an issuer are fetched again, given the `Cache-Control` of its
/// answer (RFC 9111 section 5.2.2.1): after its `max-age`, limited to 60 s to 1 h, or after 5
/// minutes.
#[must_use]
pub fn refresh_after(cache_control: Option<&[u8]>) -> Duration {
    cache_control
        .and_then(max_age)
        .unwrap_or(DEFAULT_AGE)
        .clamp(MIN_AGE, MAX_AGE)
}

/// Seconds of the directive `max-age`; a number out of range is the largest.
fn max_age(cache_control: &[u8]) -> Option<Duration> {
    let directives = std::str::from_utf8(cache_control)
        .ok()?
        .split(',')
        .filter_map(|text| text.split_once('='));
    let (_, value) = directives
        .into_iter()
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("max-age"))?;
    let digits = value.trim().trim_matches('"');
    let counts = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    counts.then(|| Duration::from_secs(digits.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> UnixTime {
        UnixTime::from_secs(seconds)
    }

    #[test]
    fn keys_are_refreshed_when_the_issuer_says_within_bounds() {
        let rows: [(Option<&str>, i64); 16] = [
            (None, 300),
            (Some("max-age=90"), 90),
            (Some("public, Max-Age=90, must-revalidate"), 90),
            (Some("max-age=\"90\""), 90),
            (Some(" max-age = 90 "), 90),
            (Some("max-age=0"), 60),
            (Some("max-age=59"), 60),
            (Some("max-age=3600"), 3600),
            (Some("max-age=3601"), 3600),
            (Some("max-age=99999999999999999999999"), 3600),
            (Some("max-age=-1"), 300),
            (Some("max-age=+90"), 300),
            (Some("max-age="), 300),
            (Some("s-maxage=90"), 300),
            (Some("no-store"), 300),
            (Some(""), 300),
        ];
        for (cache_control, seconds) in rows {
            let freshness =
                Freshness::begin(refresh_after(cache_control.map(str::as_bytes)), 0, at(0));
            assert!(
                !freshness.is_refresh_due(at(seconds - 1)),
                "{cache_control:?}"
            );
            assert!(freshness.is_refresh_due(at(seconds)), "{cache_control:?}");
        }
        let early = Freshness::begin(refresh_after(None), 999, at(0));
        assert!(!early.is_refresh_due(at(240)) && early.is_refresh_due(at(241)));
        assert!(
            !Freshness::begin(refresh_after(Some(b"\xff, max-age=90")), 0, at(0))
                .is_refresh_due(at(299))
        );
    }

    #[test]
    fn keys_are_refreshed_long_before_they_are_stale() {
        let hour = Duration::from_hours(1);
        for (stale, seconds) in [(hour, 1800), (4 * hour, 3600), (hour / 360, 5)] {
            let freshness =
                Freshness::begin(refresh_after(Some(b"max-age=3600")), 0, at(0)).within(stale);
            assert!(
                !freshness.is_refresh_due(at(seconds - 1)) && freshness.is_refresh_due(at(seconds)),
                "{stale:?}"
            );
        }
    }

    #[test]
    fn keys_are_used_until_they_are_stale() {
        let freshness = Freshness::begin(refresh_after(Some(b"max-age=3600")), 0, at(1000));
        let hour = Duration::from_hours(1);
        assert!(!freshness.is_stale(hour, at(4599)) && freshness.is_stale(hour, at(4600)));
        assert!(freshness.is_stale(Duration::ZERO, at(1000)));
    }

    #[test]
    fn keys_cover_what_was_published_before_they_were_asked_for() {
        let freshness = Freshness::begin(refresh_after(None), 0, at(1000)).asked_at(at(998));
        assert!(
            freshness.covers(at(997)) && freshness.covers(at(998)) && !freshness.covers(at(999)),
            "not what was published meanwhile"
        );
        assert!(
            !Freshness::begin(refresh_after(None), 0, at(1000))
                .asked_at(at(2000))
                .covers(at(1001)),
            "nothing is asked for in the future"
        );
        let jumped = freshness.at(at(10));
        assert!(
            !jumped.covers(at(10)) && !jumped.covers(at(998)),
            "what a clock said before it jumped proves nothing"
        );
    }

    #[test]
    fn a_clock_that_jumps_back_makes_keys_due_and_prolongs_their_use_by_no_more_than_max_stale() {
        let freshness = Freshness::begin(refresh_after(None), 0, at(1_000_000));
        assert_eq!(freshness.at(at(1_000_000)), freshness);
        assert_eq!(freshness.at(at(1_000_100)), freshness);
        let freshness = freshness.at(at(0));
        assert!(freshness.is_refresh_due(at(0)) && freshness.fetched() < at(0));
        assert!(
            !freshness.is_stale(Duration::from_hours(1), at(3599))
                && freshness.is_stale(Duration::from_hours(1), at(3600))
        );
    }
}
