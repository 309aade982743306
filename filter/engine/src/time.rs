//! Points in time, as numbers that are passed in: the engine has no clock.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat};

/// Milliseconds since 1970-01-01T00:00:00Z, without leap seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(i64);

impl UnixTime {
    /// The latest point in time.
    pub(crate) const MAX: Self = Self(i64::MAX);

    /// A point in time from whole seconds; saturates at the ends of the range.
    #[must_use]
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// A point in time from milliseconds.
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn secs(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// The time as RFC 3339 has it, in whole seconds (section 5.6). Beyond the years of four
    /// digits, the nearest end.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let time = DateTime::from_timestamp_secs(self.secs().clamp(YEAR_0, YEAR_10000 - 1))
            .unwrap_or_default();
        time.to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    /// The time `duration` later; saturates.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis_of(duration)))
    }

    /// The time `duration` earlier; saturates.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis_of(duration)))
    }

    /// How long from `earlier` until `self`; zero if `earlier` is not earlier (a clock that jumped
    /// back).
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// 0000-01-01T00:00:00Z, in seconds.
const YEAR_0: i64 = -62_167_219_200;

/// 10000-01-01T00:00:00Z, in seconds.
const YEAR_10000: i64 = 253_402_300_800;

fn millis_of(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_and_never_goes_negative() {
        let end = UnixTime::from_secs(i64::MAX);
        assert_eq!(
            end.after(Duration::MAX),
            end.after(Duration::from_secs(1)).after(Duration::MAX)
        );
        assert_eq!(
            UnixTime::from_secs(1).since(UnixTime::from_secs(5)),
            Duration::ZERO
        );
        assert_eq!(
            UnixTime::from_secs(5).since(UnixTime::from_secs(1)),
            Duration::from_secs(4)
        );
        assert_eq!(UnixTime::from_millis(-1).secs(), -1);
    }

    #[test]
    fn a_time_is_written_as_other_programs_write_it() {
        let rows = [
            (0, "1970-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_210_096, "2024-02-29T12:34:56Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (1_735_689_600, "2025-01-01T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (i64::MAX, "9999-12-31T23:59:59Z"),
            (i64::MIN, "0000-01-01T00:00:00Z"),
        ];
        for (seconds, text) in rows {
            assert_eq!(UnixTime::from_secs(seconds).rfc3339(), text, "{seconds}");
        }
    }
}
