//! Texts that are not JSON or YAML: what is wrong, where, and what to write instead.

use super::finding::{Finding, Place};
use super::places::Places;

mod json;
mod yaml;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// JSON.
    Json,
    /// YAML, whose file names end in `.yaml` or `.yml`.
    Yaml,
}

impl Format {
    /// The format of a file, by its name.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let is_yaml = name.rsplit_once('.').is_some_and(|(_, ending)| {
            ending.eq_ignore_ascii_case("yaml") || ending.eq_ignore_ascii_case("yml")
        });
        if is_yaml { Self::Yaml } else { Self::Json }
    }
}

/// Says why a text is not of its format, after a reader has refused it with `said` (a message
/// without a part of the text) at a byte, if it knows where.
#[must_use]
pub fn finding(text: &[u8], format: Format, said: &str, at: Option<usize>) -> Finding {
    if text.trim_ascii().is_empty() || said.starts_with("is empty") {
        return whole(
            "empty-file",
            "is empty",
            "an object with at least the section `http`",
        );
    }
    if text.starts_with(b"\xef\xbb\xbf") {
        return whole(
            "byte-order-mark",
            "begins with a byte order mark",
            "UTF-8 without one",
        );
    }
    let Ok(text) = std::str::from_utf8(text) else {
        return whole("not-utf8", "is not UTF-8 text", "UTF-8");
    };
    let places = Places::of(text);
    if let Some((path, first, second)) = places.repeated().first()
        && (said.contains("duplicate") || format == Format::Yaml && places.broken().is_none())
    {
        let (line, _) = super::places::Lines::of(text).position(first.start);
        let message = format!("the key is twice in one object: first in line {line}");
        let mut finding = Finding::new("duplicate-key", path, message);
        finding.place = Place::Bytes(second.clone());
        return finding.write("one of both");
    }
    let found = match format {
        Format::Json => json::finding(text, at),
        Format::Yaml => yaml::finding(text, &places, at),
    };
    found.unwrap_or_else(|| {
        let (id, name) = match format {
            Format::Json => ("json-syntax", "JSON"),
            Format::Yaml => ("yaml-syntax", "YAML"),
        };
        let why = match format {
            Format::Yaml => places.broken().map(|(_, why)| why.to_owned()),
            Format::Json => None,
        };
        let at = at.or_else(|| places.broken().map(|(at, _)| at));
        let said = said.split(" at line ").next().unwrap_or_default();
        let message = why.map_or_else(|| said.to_owned(), |why| format!("not valid {name}: {why}"));
        bytes(id, message, at.unwrap_or_default(), 1)
    })
}

/// Returns the byte that the message of a reader names by its line and column, such as `not valid
/// JSON at line 2, column 5`.
#[must_use]
pub fn position(text: &[u8], message: &str) -> Option<usize> {
    let (_, place) = message.split_once("at line ")?;
    let (line, rest) = place.split_once(", column ")?;
    let digits = rest
        .split(|character: char| !character.is_ascii_digit())
        .next()?;
    let (line, column): (usize, usize) = (line.parse().ok()?, digits.parse().ok()?);
    let ends = text.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let mut starts = std::iter::once(0).chain(ends.map(|(at, _)| at + 1));
    let start = starts.nth(line.checked_sub(1)?)?;
    Some((start + column.saturating_sub(1)).min(text.len()))
}

fn whole(id: &'static str, message: &str, write: &str) -> Finding {
    let mut finding = Finding::new(id, "", message).write(write);
    finding.place = Place::File;
    finding
}

fn bytes(id: &'static str, message: impl Into<String>, at: usize, length: usize) -> Finding {
    let mut finding = Finding::new(id, "", message);
    finding.place = Place::Bytes(at..at + length);
    finding
}

/// Quotes that word processors make.
fn is_smart(character: char) -> bool {
    matches!(
        character,
        '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' | '\u{201e}'
    )
}
