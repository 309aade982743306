//! A duration as Go writes it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use registry_auth_engine::config::{Role, decode_value};
use registry_auth_fuzz::check_line;
use serde_json::json;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let document = json!({ "http": { "auth": { "bearer": { "oidc": [{ "clockSkew": text }] } } } });
    let (role, diagnostics) = decode_value(document);
    let Role::Filter(document) = role else {
        panic!("it is a filter")
    };
    let read = document
        .bearer
        .and_then(|bearer| bearer.oidc.first()?.clock_skew);
    let complaints: Vec<_> = diagnostics
        .errors
        .iter()
        .filter(|error| error.path.ends_with("clockSkew"))
        .collect();
    assert_eq!(read.is_none(), complaints.len() == 1);
    for error in complaints {
        check_line(&error.to_string());
    }
    match (read, seconds(text)) {
        (Some(duration), Some(seconds)) => {
            let difference = (duration.as_secs_f64() - seconds).abs();
            assert!(
                difference <= 1e-6 + seconds * 1e-9,
                "{text} is read as {duration:?}"
            );
        }
        (Some(duration), None) => panic!("{text} is read as {duration:?}"),
        // Too long for the type.
        (None, Some(seconds)) => assert!(seconds > 1e18, "{text} is not read"),
        (None, None) => {}
    }
});

/// `([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)` once or more, or `0`, in seconds.
fn seconds(text: &str) -> Option<f64> {
    if text == "0" {
        return Some(0.0);
    }
    let mut rest = text;
    let mut sum = 0.0;
    while !rest.is_empty() {
        let number = rest
            .trim_start_matches(|character: char| character.is_ascii_digit() || character == '.');
        let (digits, tail) = rest.split_at(rest.len() - number.len());
        if digits.matches('.').count() > 1 || !digits.bytes().any(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let units = [
            ("ns", 1e-9),
            ("us", 1e-6),
            ("µs", 1e-6),
            ("μs", 1e-6),
            ("ms", 1e-3),
            ("s", 1.0),
            ("m", 60.0),
            ("h", 3600.0),
        ];
        let (unit, size) = units.into_iter().find(|(unit, _)| tail.starts_with(unit))?;
        rest = &tail[unit.len()..];
        sum += digits.parse::<f64>().ok()? * size;
    }
    (!text.is_empty()).then_some(sum)
}
