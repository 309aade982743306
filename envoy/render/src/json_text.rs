//! Writes JSON for readers: what is short is on one line.

use std::fmt::Write as _;

use serde_json::Value;

/// Objects and lists of at most this length are written on one line.
const SHORT: usize = 80;

/// Returns the text, the same for the same value.
pub(crate) fn write(value: &Value) -> String {
    let mut out = String::new();
    append(value, 0, &mut out);
    escaped(&out)
}

/// Returns true for a character that some readers of YAML treat as the end of a line, do not take,
/// or do not show.
pub(crate) fn is_special(letter: char) -> bool {
    letter.is_control()
        || matches!(
            letter,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

/// Returns JSON text with special characters, which are inside of its strings, as escapes.
pub(crate) fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter != '\n' && is_special(letter) {
            // Writing to a string does not fail.
            let _ = write!(out, "\\u{:04x}", u32::from(letter));
        } else {
            out.push(letter);
        }
    }
    out
}

fn append(value: &Value, indent: usize, out: &mut String) {
    let short = on_one_line(value);
    let items: Vec<(String, &Value)> = match value {
        Value::Object(members) if short.len() > SHORT || indent == 0 => members
            .iter()
            .map(|(name, value)| (format!("{}: ", Value::from(name.as_str())), value))
            .collect(),
        Value::Array(items) if short.len() > SHORT => {
            items.iter().map(|item| (String::new(), item)).collect()
        }
        _ => {
            out.push_str(&short);
            return;
        }
    };
    let (open, close) = if value.is_object() {
        ('{', '}')
    } else {
        ('[', ']')
    };
    out.push(open);
    for (index, (name, item)) in items.iter().enumerate() {
        out.push_str(if index == 0 { "\n" } else { ",\n" });
        out.extend(std::iter::repeat_n(' ', indent + 2));
        out.push_str(name);
        append(item, indent + 2, out);
    }
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', indent));
    out.push(close);
}

fn on_one_line(value: &Value) -> String {
    match value {
        Value::Object(members) if !members.is_empty() => {
            let members = members.iter().map(|(name, value)| {
                format!("{}: {}", Value::from(name.as_str()), on_one_line(value))
            });
            format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(on_one_line).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let long = "x".repeat(50);
        let values = [
            json!({}),
            json!([]),
            json!({ "a": {} }),
            json!({ "a": [long, long], "b\n": { "c": long, "d": [{ "e": long, "f": null }] } }),
            json!([1.5, true, "\u{1}\"", [long, [long]]]),
            json!(["\u{7f}\u{85}\u{2028}\u{2029}\u{feff}", "\r\n"]),
        ];
        for value in values {
            let text = write(&value);
            assert!(
                !text
                    .chars()
                    .any(|letter| letter != '\n' && is_special(letter))
            );
            assert_eq!(
                serde_json::from_str::<Value>(&text).ok(),
                Some(value),
                "{text}"
            );
        }
    }
}
