//! Plain scalars as values: the core schema of YAML 1.2 (section 10.3), and `0b` and `_` in numbers.

use serde_json::{Number, Value};

/// Returns true if a plain scalar is null.
pub(super) fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// What a plain scalar is: `true`, a number, null, or the text itself.
///
/// # Errors
/// A number that is not finite, which no value of JSON is.
pub(super) fn plain(text: &str) -> Result<Value, &'static str> {
    if is_null(text) {
        return Ok(Value::Null);
    }
    match text {
        "true" | "True" | "TRUE" => return Ok(Value::Bool(true)),
        "false" | "False" | "FALSE" => return Ok(Value::Bool(false)),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF"
        | ".nan" | ".NaN" | ".NAN" => return Err(NOT_FINITE),
        _ => {}
    }
    let (is_negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return Ok(Value::from(text));
    }
    if let Some(number) = whole(unsigned, is_negative) {
        return Ok(Value::Number(number));
    }
    if matches!(unsigned.as_bytes(), [b'0', b'X' | b'O' | b'B', ..]) {
        return Ok(Value::from(text));
    }
    match text.parse::<f64>() {
        Ok(number) => Number::from_f64(number)
            .map(Value::Number)
            .ok_or(NOT_FINITE),
        Err(_) => Ok(Value::from(text)),
    }
}

const NOT_FINITE: &str = "a number that is not finite";

/// A whole number of 64 bits; nothing if it is none, or begins with a zero that says nothing.
fn whole(unsigned: &str, is_negative: bool) -> Option<Number> {
    let radix = |prefix| unsigned.strip_prefix(prefix);
    let (radix, digits) = match (radix("0x"), radix("0o"), radix("0b")) {
        (Some(digits), ..) => (16, digits),
        (_, Some(digits), _) => (8, digits),
        (.., Some(digits)) => (2, digits),
        _ if unsigned.starts_with('0') && unsigned != "0" => return None,
        _ => (10, unsigned),
    };
    let is_split = digits.starts_with('_') || digits.ends_with('_') || digits.contains("__");
    if is_split
        || !digits
            .chars()
            .all(|digit| digit == '_' || digit.is_digit(radix))
    {
        return None;
    }
    let number = i128::from_str_radix(&digits.replace('_', ""), radix).ok()?;
    if is_negative {
        i64::try_from(-number).ok().map(Number::from)
    } else {
        u64::try_from(number).ok().map(Number::from)
    }
}
