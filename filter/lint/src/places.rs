//! Where the members of a document are in its text.

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{Event, Parser, Span};
use registry_auth_engine::config::member_path;

use super::finding::{Finding, Place};

/// Deeper nesting is not read: readers refuse it.
const MAX_DEPTH: usize = 80;

/// Where a member is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Member {
    key: Option<Range<usize>>,
    value: Range<usize>,
}

/// The places of all members of a JSON or YAML text, in bytes.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// By the path in lower case, as names are compared.
    members: HashMap<String, Member>,
    /// Keys that are there twice: the path, and both keys.
    repeated: Vec<(String, Range<usize>, Range<usize>)>,
    /// Where the text stops being YAML, and why.
    broken: Option<(usize, String)>,
}

/// An object or a list that is not closed yet.
struct Open {
    path: String,
    kind: Kind,
    start: usize,
    own_key: Option<Range<usize>>,
}

/// What is open.
enum Kind {
    /// An object, and the name of the next value.
    Object(Option<(String, Range<usize>)>),
    /// A list, and the index of the next value.
    List(usize),
}

impl Places {
    /// Reads a text. JSON is read as the YAML that it is. What cannot be read ends the search: the
    /// places before it are known.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut places = Self::default();
        let mut open: Vec<Open> = Vec::new();
        for event in Parser::new_from_str(text) {
            match event {
                Ok((event, span)) => places.event(&event, &bytes(&span), &mut open),
                Err(error) => {
                    let at = error.marker().byte_offset().unwrap_or(text.len());
                    places.broken = Some((at, error.kind().to_string()));
                    break;
                }
            }
            if open.len() > MAX_DEPTH {
                break;
            }
        }
        places
    }

    /// Where the text stops being YAML, as a byte offset, and why (without a part of the text).
    #[must_use]
    pub fn broken(&self) -> Option<(usize, &str)> {
        let (at, why) = self.broken.as_ref()?;
        Some((*at, why))
    }

    /// Keys that are twice in one object: the path, the first, and the second.
    #[must_use]
    pub fn repeated(&self) -> &[(String, Range<usize>, Range<usize>)] {
        &self.repeated
    }

    /// The bytes that a finding is about; those of the nearest member around it if it has no place
    /// of its own.
    #[must_use]
    pub fn locate(&self, text: &str, finding: &Finding) -> Option<Range<usize>> {
        if let Place::Bytes(range) = &finding.place {
            return Some(range.clone());
        }
        let (member, is_own) = self.nearest(&finding.path)?;
        let key = || member.key.clone();
        let first_line = || Some(line_of(text, &member.value));
        match &finding.place {
            Place::Key | Place::File => key().or_else(first_line),
            Place::Part(part) if is_own => within(text, &member.value, part).or_else(first_line),
            _ if is_own && !spans_lines(text, &member.value) => Some(member.value.clone()),
            _ => key().or_else(first_line),
        }
    }

    fn nearest(&self, path: &str) -> Option<(&Member, bool)> {
        let path = path.to_ascii_lowercase();
        let mut rest = path.as_str();
        loop {
            if let Some(member) = self.members.get(rest) {
                return Some((member, rest.len() == path.len()));
            }
            rest = parent(rest)?;
        }
    }

    fn event(&mut self, event: &Event<'_>, span: &Range<usize>, open: &mut Vec<Open>) {
        match event {
            Event::Scalar(text, ..) => {
                if let Some(parent) = open.last_mut()
                    && let Kind::Object(key @ None) = &mut parent.kind
                {
                    *key = Some((text.to_string(), span.clone()));
                    self.repeat(&parent.path, text, span);
                    return;
                }
                let (path, key) = next(open);
                self.add(&path, key, span.clone());
            }
            Event::Alias(_) => {
                let (path, key) = next(open);
                self.add(&path, key, span.clone());
            }
            Event::MappingStart(..) | Event::SequenceStart(..) => {
                let (path, own_key) = next(open);
                open.push(Open {
                    path,
                    kind: match event {
                        Event::MappingStart(..) => Kind::Object(None),
                        _ => Kind::List(0),
                    },
                    start: span.start,
                    own_key,
                });
            }
            Event::MappingEnd | Event::SequenceEnd => {
                if let Some(closed) = open.pop() {
                    let value = closed.start..span.end.max(closed.start);
                    self.add(&closed.path, closed.own_key, value);
                }
            }
            _ => {}
        }
    }

    fn repeat(&mut self, path: &str, name: &str, span: &Range<usize>) {
        let path = member_path(path, name);
        if let Some(Member {
            key: Some(first), ..
        }) = self.members.get(&path.to_ascii_lowercase())
        {
            self.repeated.push((path, first.clone(), span.clone()));
        }
    }

    fn add(&mut self, path: &str, key: Option<Range<usize>>, value: Range<usize>) {
        let member = Member { key, value };
        self.members
            .entry(path.to_ascii_lowercase())
            .or_insert(member);
    }
}

/// The path of the value that begins, and its name.
fn next(open: &mut [Open]) -> (String, Option<Range<usize>>) {
    let Some(parent) = open.last_mut() else {
        return (String::new(), None);
    };
    match &mut parent.kind {
        Kind::Object(key) => match key.take() {
            Some((name, range)) => (member_path(&parent.path, &name), Some(range)),
            None => (parent.path.clone(), None),
        },
        Kind::List(index) => {
            let path = format!("{}[{index}]", parent.path);
            *index += 1;
            (path, None)
        }
    }
}

/// The path of what is around; the file is around everything.
fn parent(path: &str) -> Option<&str> {
    if path.is_empty() {
        return None;
    }
    if let Some(inner) = path.strip_suffix(']') {
        let quoted = inner.strip_suffix('"').and_then(|inner| inner.rfind("[\""));
        let start = quoted.or_else(|| inner.rfind('['))?;
        return path.get(..start);
    }
    path.get(..path.rfind('.').unwrap_or(0))
}

fn bytes(span: &Span) -> Range<usize> {
    let at = |marker: &granit_parser::Marker| marker.byte_offset().unwrap_or_default();
    at(&span.start)..at(&span.end)
}

fn spans_lines(text: &str, range: &Range<usize>) -> bool {
    text.get(range.clone())
        .is_some_and(|value| value.trim_end().contains('\n'))
}

/// The part of a range that is on its first line.
fn line_of(text: &str, range: &Range<usize>) -> Range<usize> {
    let value = text.get(range.clone()).unwrap_or_default();
    let length = value.find('\n').unwrap_or(value.len());
    range.start..range.start + length
}

/// A part of a value, as it is or as JSON writes it.
fn within(text: &str, range: &Range<usize>, part: &str) -> Option<Range<usize>> {
    let value = text.get(range.clone())?;
    let escaped = serde_json::Value::from(part).to_string();
    let escaped = escaped.trim_matches('"');
    let doubled = part.replace('\'', "''");
    let found = [part, escaped, &doubled]
        .into_iter()
        .find_map(|form| Some((value.find(form)?, form.len())));
    let (start, length) = found?;
    let start = range.start + start;
    Some(start..start + length)
}

/// The lines of a text.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    /// Finds the lines.
    #[must_use]
    pub fn of(text: &'a str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            starts: std::iter::once(0).chain(ends).collect(),
        }
    }

    /// Line and column of a byte, both from one; columns are characters.
    #[must_use]
    pub fn position(&self, byte: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= byte);
        let start = self.starts.get(line.saturating_sub(1)).copied();
        let before = self.text.get(start.unwrap_or_default()..byte);
        let column = before.map_or(0, |before| before.chars().count());
        (line.max(1), column + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_of_json_and_yaml_are_found_where_they_are() {
        let json = "{\n\t\"http\": {\"x\": [1, {\"a/b\": \"q'\\\\d\"}]}}";
        let yaml = "# c\nhttp:\n  x:\n  - 1\n  - \"a/b\": 'q''\\d'\n";
        for text in [json, yaml] {
            let places = Places::of(text);
            assert_eq!(places.broken(), None, "{text}");
            // (path, place, text there)
            let rows = [
                ("http.x[0]", Place::Value, "1"),
                ("HTTP.x[0]", Place::Value, "1"),
                ("http.x[1][\"a/b\"]", Place::Key, "\"a/b\""),
                ("http.x[1][\"a/b\"].c[3].d", Place::Value, "\"a/b\""),
            ];
            for (path, place, expected) in rows {
                let finding = Finding {
                    place,
                    ..Finding::new("invalid", path, "")
                };
                let range = places.locate(text, &finding).unwrap();
                assert_eq!(text.get(range), Some(expected), "{path} in {text}");
            }
            let part = Finding::new("invalid", "http.x[1][\"a/b\"]", "").at("'\\d");
            let range = places.locate(text, &part).unwrap();
            assert!(text.get(range).unwrap().ends_with('d'), "{text}");
        }
    }

    #[test]
    fn a_key_that_stands_twice_has_two_places() {
        let text = "a: 1\nb: {c: 1, C: 2}\na: 2\n";
        let found: Vec<_> = Places::of(text)
            .repeated()
            .iter()
            .map(|(path, one, two)| (path.clone(), one.start, two.start))
            .collect();
        assert_eq!(found, [("b.C".to_owned(), 9, 15), ("a".to_owned(), 0, 21)]);
    }

    #[test]
    fn columns_are_characters() {
        let lines = Lines::of("a\n\u{fc}b\n");
        assert_eq!(lines.position(0), (1, 1));
        assert_eq!(lines.position(4), (2, 2));
        assert_eq!(lines.position(6), (3, 1));
    }
}
