//! Points in time as zot writes them: RFC 3339, and its zero time where there is none.

use chrono::{DateTime, SecondsFormat};
use registry_auth_engine::UnixTime;

/// What stands where there is no time.
pub(crate) const NEVER: &str = "0001-01-01T00:00:00Z";

/// Reads a time; `Some(None)` for none. `None` if it is not RFC 3339.
#[must_use]
pub fn read_time(text: &str) -> Option<Option<UnixTime>> {
    // Only in this form: chrono reads blanks and lower case too.
    if text.get(10..11) != Some("T") || text.contains('z') {
        return None;
    }
    let time = DateTime::parse_from_rfc3339(text).ok()?;
    let millis = time.timestamp_millis();
    let zero = DateTime::parse_from_rfc3339(NEVER).ok()?;
    Some((time != zero).then_some(UnixTime::from_millis(millis)))
}

/// Writes a time, or that there is none.
#[must_use]
pub fn written_time(time: Option<UnixTime>) -> String {
    let Some(time) = time else {
        return NEVER.to_owned();
    };
    let millis = time.millis();
    if millis.rem_euclid(1000) == 0 {
        return time.rfc3339();
    }
    DateTime::from_timestamp_millis(millis).map_or_else(
        || time.rfc3339(),
        |time| time.to_rfc3339_opts(SecondsFormat::Millis, true),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_go_reads_them() {
        let second = |seconds| Some(Some(UnixTime::from_secs(seconds)));
        let rows = [
            ("1970-01-01T00:00:01Z", second(1)),
            ("1970-01-01T02:00:01+02:00", second(1)),
            ("0001-01-01T00:00:00Z", Some(None)),
            (
                "1970-01-01T00:00:01.5Z",
                Some(Some(UnixTime::from_millis(1500))),
            ),
            (
                "1970-01-01T00:00:01.123456789Z",
                Some(Some(UnixTime::from_millis(1123))),
            ),
            ("1970-01-01 00:00:01Z", None),
            ("1970-01-01t00:00:01z", None),
            ("1970-01-01T00:00:01", None),
            ("1970-01-01", None),
            ("1970-13-01T00:00:01Z", None),
            ("", None),
            ("é", None),
        ];
        for (text, expected) in rows {
            assert_eq!(read_time(text), expected, "{text}");
        }
    }

    #[test]
    fn times_are_written_as_they_are_read() {
        for millis in [0, 1500, 1_800_000_000_001, -1] {
            let time = Some(UnixTime::from_millis(millis));
            assert_eq!(read_time(&written_time(time)), Some(time), "{millis}");
        }
        assert_eq!(read_time(&written_time(None)), Some(None));
    }
}
