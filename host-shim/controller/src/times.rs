//! When a Secret is written again.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

/// The first pause after a failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// Returns when a token that ends at `expires` is replaced: at 50 to 60 % of its life, so that
/// accounts whose Secrets were written together are not all written together again. `random` is
/// from 0 to 1; times are in seconds since 1970.
#[must_use]
pub(crate) fn renewal(now: i64, expires: i64, random: f64) -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a part of a number that fits"
    )]
    #[expect(clippy::cast_precision_loss, reason = "seconds of one life")]
    let part = (expires.saturating_sub(now).max(0) as f64 * 0.1f64.mul_add(random, 0.5)) as i64;
    now.saturating_add(part)
}

/// Returns the pause after this number of failures one after another: 1 s, doubled up to 5 min, of
/// which `random`, from 0 to 1, leaves 75 to 100 %. A server that names a longer one is waited for.
#[must_use]
pub(crate) fn pause(failures: u32, named: Option<Duration>, random: f64) -> Duration {
    let doubled = 1u32.checked_shl(failures.saturating_sub(1).min(16));
    let pause = FIRST_PAUSE.saturating_mul(doubled.unwrap_or(u32::MAX));
    let pause = pause
        .min(LONGEST_PAUSE)
        .mul_f64(0.25f64.mul_add(random, 0.75));
    pause.max(named.unwrap_or_default().min(LONGEST_PAUSE))
}

/// Writes a time of an annotation.
#[must_use]
pub(crate) fn written(seconds: i64) -> String {
    let time = DateTime::<Utc>::from_timestamp(seconds, 0).unwrap_or_default();
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Reads a time (RFC 3339) in seconds since 1970.
#[must_use]
pub(crate) fn read(text: &str) -> Option<i64> {
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    Some(time.timestamp())
}

/// Writes the time of an event or a Lease: with microseconds.
#[must_use]
pub(crate) fn micro(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_replaced_in_the_middle_of_their_lives() {
        let rows = [
            (3_600, 0.0, 1_800),
            (3_600, 1.0, 2_160),
            (600, 0.5, 330),
            (0, 0.5, 0),
            (-9, 0.5, 0),
        ];
        for (life, random, expected) in rows {
            assert_eq!(renewal(100, 100 + life, random), 100 + expected, "{life}");
        }
        assert!(renewal(0, i64::MAX, 1.0) > 0);
    }

    #[test]
    fn pauses_grow_and_servers_are_waited_for() {
        let seconds = Duration::from_secs;
        let rows = [
            (1, None, 1.0, seconds(1)),
            (3, None, 1.0, seconds(4)),
            (3, None, 0.0, seconds(3)),
            (9, None, 1.0, seconds(256)),
            (10, None, 1.0, seconds(300)),
            (u32::MAX, None, 1.0, seconds(300)),
            (0, None, 1.0, seconds(1)),
            (1, Some(seconds(7)), 1.0, seconds(7)),
            (1, Some(Duration::MAX), 1.0, seconds(300)),
            (9, Some(seconds(7)), 1.0, seconds(256)),
        ];
        for (failures, named, random, expected) in rows {
            assert_eq!(pause(failures, named, random), expected, "{failures}");
        }
    }

    #[test]
    fn times_are_read_as_they_are_written() {
        assert_eq!(written(1_800_000_000), "2027-01-15T08:00:00Z");
        assert_eq!(read("2027-01-15T08:00:00Z"), Some(1_800_000_000));
        assert_eq!(read("2027-01-15T09:00:00.5+01:00"), Some(1_800_000_000));
        for text in ["", "tomorrow", "1800000000", "2027-13-15T08:00:00Z"] {
            assert_eq!(read(text), None, "{text}");
        }
        let time = DateTime::<Utc>::from_timestamp(1, 2_000).unwrap();
        assert_eq!(micro(time), "1970-01-01T00:00:01.000002Z");
    }
}
