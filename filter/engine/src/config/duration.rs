//! Durations as Go writes them, since zot's configuration does.

use std::time::Duration;

/// Reads `30s`, `1m`, `1h30m`, `1.5h`, `250ms`, `0`; a unit is needed, a sign is not accepted.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits =
            rest.find(|character: char| !(character.is_ascii_digit() || character == '.'))?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let end = tail
            .find(|character: char| character.is_ascii_digit() || character == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(end)?;
        let seconds = number.parse::<f64>().ok()? * seconds_of(unit)?;
        total = total.checked_add(Duration::try_from_secs_f64(seconds).ok()?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

fn seconds_of(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" | "μs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations_are_read_and_others_are_not() {
        let rows = [
            ("30s", Some(30_000)),
            ("1m", Some(60_000)),
            ("1h30m", Some(5_400_000)),
            ("1.5h", Some(5_400_000)),
            ("250ms", Some(250)),
            ("1m0.5s", Some(60_500)),
            ("0", Some(0)),
            ("0s", Some(0)),
            ("", None),
            ("5", None),
            ("s", None),
            ("-1s", None),
            ("1d", None),
            ("1 m", None),
            ("1..s", None),
            ("99999999999999999999h", None),
        ];
        for (text, millis) in rows {
            assert_eq!(parse(text), millis.map(Duration::from_millis), "{text}");
        }
    }
}
