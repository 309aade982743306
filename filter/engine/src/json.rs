//! JSON read strictly: duplicate keys are errors, nesting is bounded, nothing follows the value.
//!
//! Two readers that take different duplicates are an old way around a check (RFC 8725 section 2.4
//! and 3.10; RFC 7519 section 4 lets a parser refuse them, and this one does).

use std::fmt::{self, Write as _};

use serde::de::{
    Deserialize, DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor,
};
use serde_json::{Map, Number, Value};

/// The deepest nesting that is read, counted in arrays and objects.
pub const MAX_NESTING: usize = 64;

/// The byte order mark that some editors and servers put before a text.
pub const MARK: char = '\u{feff}';

/// A text without its byte order mark, which a reader of what others publish may leave out (RFC
/// 8259 section 8.1).
#[must_use]
pub fn without_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text)
}

/// Why a text is not acceptable JSON. The message holds a place, never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at line {line}, column {column}")]
pub struct JsonError {
    kind: &'static str,
    line: usize,
    column: usize,
}

impl JsonError {
    /// Returns where: the line and the column, which count from 1; a column of 0 is the end of the
    /// line before.
    #[must_use]
    pub const fn place(&self) -> (usize, usize) {
        (self.line, self.column)
    }

    /// Returns true if the text ends before its value does.
    #[must_use]
    pub fn is_early_end(&self) -> bool {
        self.kind == EARLY_END
    }
}

/// Reads one JSON value.
///
/// # Errors
/// Not JSON, not UTF-8, a duplicate key in one object, nesting above [`MAX_NESTING`], text after
/// the value.
pub fn parse(text: &[u8]) -> Result<Value, JsonError> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Strict { depth: 0 }
        .deserialize(&mut reader)
        .map_err(|error| describe(&error))?;
    reader.end().map_err(|error| describe(&error))?;
    Ok(value)
}

/// A value of another format that has the data model of JSON, read as strictly as [`parse`] reads
/// JSON.
#[derive(Clone, Debug, PartialEq)]
pub struct StrictValue(pub Value);

impl<'de> Deserialize<'de> for StrictValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Strict { depth: 0 }.deserialize(deserializer).map(Self)
    }
}

/// Names the kind of a value, for messages that must not quote it.
#[must_use]
pub const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

const DUPLICATE: &str = "duplicate key";
const EARLY_END: &str = "JSON ends early";
const TOO_DEEP: &str = "nesting is too deep";

/// serde's messages may quote input, so only the kind of the error and its place survive.
fn describe(error: &serde_json::Error) -> JsonError {
    let text = error.to_string();
    let kind = if text.starts_with(DUPLICATE) {
        DUPLICATE
    } else if text.starts_with(TOO_DEEP) || text.starts_with("recursion limit") {
        TOO_DEEP
    } else if error.is_eof() {
        EARLY_END
    } else {
        "not valid JSON"
    };
    JsonError {
        kind,
        line: error.line(),
        column: error.column(),
    }
}

#[derive(Clone, Copy)]
struct Strict {
    depth: usize,
}

impl Strict {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_NESTING {
            return Err(E::custom(TOO_DEEP));
        }
        Ok(Self {
            depth: self.depth + 1,
        })
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value)
            .map(Value::Number)
            .ok_or_else(|| E::custom("not a finite number"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut map = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if map.insert(name, value).is_some() {
                return Err(A::Error::custom(DUPLICATE));
            }
        }
        Ok(Value::Object(map))
    }
}

/// Returns true for a character that is not seen, or changes how others are seen: control
/// characters, breaks of lines, and marks of direction (UAX #9 section 2), with which a text may look
/// like another one.
#[must_use]
pub fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
        )
}

/// Returns a JSON text with escapes for the characters that are not seen: in JSON they are in
/// strings only.
#[must_use]
pub fn escaped(json: String) -> String {
    if !json.contains(is_unseen) {
        return json;
    }
    let mut text = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        // A pretty-printed text has line breaks of its own.
        if is_unseen(character) && character != '\n' {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_name_kind_and_place_but_no_value() {
        let deep = format!("{}1{}", "[".repeat(65), "]".repeat(65));
        let rows: [(&str, &str); 8] = [
            (r#"{"a":1,"a":2}"#, "duplicate key"),
            (r#"{"x":{"a":1,"b":0,"a":2}}"#, "duplicate key"),
            (&deep, "nesting is too deep"),
            ("{", "JSON ends early"),
            ("", "JSON ends early"),
            (r#"{"secret" 1}"#, "not valid JSON"),
            ("1 2", "not valid JSON"),
            ("1e999", "not valid JSON"),
        ];
        for (text, kind) in rows {
            let message = parse(text.as_bytes()).unwrap_err().to_string();
            assert!(message.starts_with(kind), "{text}: {message}");
            assert!(!message.contains("secret"), "{message}");
        }
        assert!(parse(b"\"\xff\"").is_err());
    }

    #[test]
    fn a_byte_order_mark_is_left_out_only_where_that_is_asked_for() {
        let marked = "\u{feff}{}".as_bytes();
        assert!(parse(marked).is_err());
        assert_eq!(without_mark(marked), b"{}");
        assert_eq!(without_mark(b"{}"), b"{}");
        assert_eq!(without_mark("\u{feff}\u{feff}{}".as_bytes()), marked);
        assert_eq!(without_mark(b"\xef\xbb"), b"\xef\xbb");
        assert_eq!(MARK.to_string().as_bytes(), b"\xef\xbb\xbf");
    }

    #[test]
    fn what_is_strict_json_is_read_whole() {
        let deepest = format!("{}1{}", "[".repeat(64), "]".repeat(64));
        assert!(parse(deepest.as_bytes()).is_ok());
        let text = br#" {"a":[1,-2,3.5,"x",null,true],"b":{"a":{}}} "#;
        assert_eq!(
            parse(text).unwrap(),
            serde_json::from_slice::<Value>(text).unwrap()
        );
    }
}
