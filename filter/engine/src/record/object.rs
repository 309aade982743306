//! A JSON object of limited size, written member by member.

use serde_json::Value;

use crate::json::escaped;

/// The longest record, in bytes.
pub const MAX_RECORD: usize = 2048;

/// The longest text of a member, in bytes, before it is escaped.
const MAX_TEXT: usize = 256;

/// The same in an object that has to be short.
const MAX_SHORT: usize = 80;

/// The same for a text of characters that have to be escaped.
const MAX_ESCAPED: usize = 48;

/// The most texts of a list.
const MAX_LISTED: usize = 16;

/// What ends an object that is not complete.
const CUT: &str = ",\"cut\":true";

/// The members of an object: `"a":1,"b":2`.
pub(super) struct Object {
    members: String,
    is_cut: bool,
    /// The longest object, in bytes.
    most: usize,
    /// The longest text, in bytes.
    most_text: usize,
}

impl Default for Object {
    fn default() -> Self {
        Self {
            members: String::new(),
            is_cut: false,
            most: MAX_RECORD,
            most_text: MAX_TEXT,
        }
    }
}

impl Object {
    /// An empty one of at most `most` bytes, with short texts.
    pub(super) fn within(most: usize) -> Self {
        Self {
            most,
            most_text: MAX_SHORT,
            ..Self::default()
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Adds a text, if there is one; a long one is cut.
    pub(super) fn text(&mut self, name: &str, text: &str) {
        self.bytes(name, text.as_bytes());
    }

    /// As [`text`](Self::text), of bytes that need not be one.
    pub(super) fn bytes(&mut self, name: &str, text: &[u8]) {
        if !text.is_empty() {
            self.value(name, &quoted(text, self.most_text));
        }
    }

    /// Adds another object, unless it is empty.
    pub(super) fn object(&mut self, name: &str, object: Self) {
        if !object.is_empty() {
            self.value(name, &object.end());
        }
    }

    /// Adds a value in JSON, if there is room for it.
    pub(super) fn value(&mut self, name: &str, json: &str) {
        // Two braces, two quotation marks, a colon and a comma.
        let room = self.most.saturating_sub(self.members.len() + CUT.len() + 6);
        if name.len() + json.len() > room {
            self.is_cut = true;
            return;
        }
        let comma = if self.members.is_empty() { "" } else { "," };
        for part in [comma, "\"", name, "\":", json] {
            self.members.push_str(part);
        }
    }

    /// The object in JSON.
    pub(super) fn end(self) -> String {
        let cut = if self.is_cut { CUT } else { "" };
        format!("{{{}{cut}}}", self.members)
    }
}

/// A list of texts in JSON: the first ones, short.
pub(super) fn texts(all: &[String]) -> String {
    let mut list = String::from("[");
    for text in all.iter().take(MAX_LISTED) {
        if list.len() > 1 {
            list.push(',');
        }
        list.push_str(&quoted(text.as_bytes(), MAX_TEXT));
    }
    list.push(']');
    list
}

/// A text in JSON. A long one is cut, with a mark and its length.
fn quoted(text: &[u8], most: usize) -> String {
    let json = escaped(Value::from(clip(text, most)).to_string());
    if json.len() > 2 * most {
        escaped(Value::from(clip(text, MAX_ESCAPED)).to_string())
    } else {
        json
    }
}

/// The text, or its first bytes and its length. No longer text is made on the way.
fn clip(text: &[u8], most: usize) -> String {
    let Some(start) = text.get(..most).filter(|start| start.len() < text.len()) else {
        return String::from_utf8_lossy(text).into_owned();
    };
    let start = match std::str::from_utf8(start) {
        // The cut went through a character.
        Err(error) if error.error_len().is_none() => {
            start.get(..error.valid_up_to()).unwrap_or_default()
        }
        _ => start,
    };
    let start = String::from_utf8_lossy(start);
    format!("{start}... ({} bytes)", text.len())
}
