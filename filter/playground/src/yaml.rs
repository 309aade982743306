//! YAML as values, as the programs read it.
//!
//! They read it with `serde-saphyr`; in a page that would be 300 kB of code for the same parser.
//! What is here puts together what the parser has found. A test compares both on every file of the
//! project, and on what people write wrong. Tags of other types than texts are refused: a
//! configuration has no use for them.

mod scalar;

use std::collections::{BTreeSet, HashMap};

use granit_parser::{Event, Options, Parser, ScalarStyle, Tag};
use registry_auth_engine::json::MAX_NESTING;
use serde_json::{Map, Value};

/// The most values of a document, those of aliases counted each time.
const MAX_VALUES: usize = 250_000;
/// The most bytes of all texts, those of aliases counted each time.
const MAX_BYTES: usize = 64 << 20;
/// The name under which a mapping takes in others.
const MERGE: &str = "<<";

/// Why a text is not read, and where: line and column, which count from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct YamlError {
    pub(crate) what: &'static str,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// Reads the one document of a text.
///
/// # Errors
/// It is no YAML, has two documents, a name twice, or what only other tools understand.
pub(crate) fn read(text: &str) -> Result<Value, YamlError> {
    let mut reader = Reader::default();
    for event in Parser::new_from_str_with_options(text, Options::default()) {
        let (event, span) = event.map_err(|error| {
            let at = error.marker();
            YamlError {
                what: "not valid YAML",
                line: at.line(),
                column: at.col() + 1,
            }
        })?;
        reader.event(event).map_err(|what| YamlError {
            what,
            line: span.start.line(),
            column: span.start.col() + 1,
        })?;
    }
    Ok(reader.document.unwrap_or_default())
}

/// What was read so far.
#[derive(Default)]
struct Reader {
    document: Option<Value>,
    documents: usize,
    open: Vec<Open>,
    /// The values with an anchor, by its number.
    anchors: HashMap<usize, Value>,
    values: usize,
    bytes: usize,
}

/// A list or a mapping that is not closed yet.
struct Open {
    anchor: usize,
    kind: Kind,
}

enum Kind {
    List(Vec<Value>),
    Map {
        members: Map<String, Value>,
        /// What it takes in, where it has no member of the name.
        merged: Map<String, Value>,
        /// The whole numbers among the names: `0x10` and `16` are one name.
        numbers: BTreeSet<String>,
        next: Option<Key>,
    },
}

/// The name of the next member.
enum Key {
    Name(String),
    Merge,
}

impl Reader {
    fn event(&mut self, event: Event<'_>) -> Result<(), &'static str> {
        match event {
            Event::DocumentStart(..) => self.documents += 1,
            // Where its content begins, as the programs say it.
            _ if self.documents > 1 => return Err("a second document: write one"),
            Event::Scalar(text, style, anchor, tag) => {
                self.bytes += text.len();
                let is_text = match tag.as_deref() {
                    None => style != ScalarStyle::Plain,
                    Some(tag) => is_text(tag)?,
                };
                if self.wants_key() {
                    if !is_text && scalar::is_null(&text) {
                        return Err(NO_NAME);
                    }
                    let is_merge = !is_text && text == MERGE;
                    if anchor > 0 {
                        self.anchors.insert(anchor, Value::from(text.as_ref()));
                    }
                    if is_merge {
                        return self.key(Key::Merge);
                    }
                    if !is_text {
                        self.number(&text)?;
                    }
                    return self.key(Key::Name(text.into_owned()));
                }
                let value = if is_text {
                    Value::from(text)
                } else {
                    scalar::plain(text.trim_matches([' ', '\t', '\r', '\n']))?
                };
                self.value(value, anchor)?;
            }
            Event::Alias(anchor) => self.alias(anchor)?,
            Event::SequenceStart(_, anchor, tag) => {
                self.opened(anchor, Kind::List(Vec::new()), tag.as_deref(), "seq")?;
            }
            Event::MappingStart(_, anchor, tag) => {
                let kind = Kind::Map {
                    members: Map::new(),
                    merged: Map::new(),
                    numbers: BTreeSet::new(),
                    next: None,
                };
                self.opened(anchor, kind, tag.as_deref(), "map")?;
            }
            Event::SequenceEnd | Event::MappingEnd => self.closed()?,
            _ => {}
        }
        Ok(())
    }

    /// Returns true if the next value is the name of a member.
    fn wants_key(&self) -> bool {
        matches!(
            self.open.last(),
            Some(Open {
                kind: Kind::Map { next: None, .. },
                ..
            })
        )
    }

    /// Notes the name of a member that is a whole number.
    fn number(&mut self, text: &str) -> Result<(), &'static str> {
        let Ok(Value::Number(number)) = scalar::plain(text) else {
            return Ok(());
        };
        match self.open.last_mut().map(|open| &mut open.kind) {
            Some(Kind::Map { numbers, .. }) if !number.is_f64() => {
                let is_new = numbers.insert(number.to_string());
                is_new.then_some(()).ok_or(DUPLICATE)
            }
            _ => Ok(()),
        }
    }

    fn key(&mut self, key: Key) -> Result<(), &'static str> {
        self.count(1)?;
        let Some(Open {
            kind: Kind::Map { members, next, .. },
            ..
        }) = self.open.last_mut()
        else {
            return Ok(());
        };
        if let Key::Name(name) = &key
            && members.contains_key(name)
        {
            return Err(DUPLICATE);
        }
        *next = Some(key);
        Ok(())
    }

    fn opened(
        &mut self,
        anchor: usize,
        kind: Kind,
        tag: Option<&Tag>,
        own: &str,
    ) -> Result<(), &'static str> {
        if tag.is_some_and(|tag| tag.core_suffix() != Some(own)) {
            return Err(TAG);
        }
        if self.wants_key() {
            return Err(NO_NAME);
        }
        if self.open.len() >= MAX_NESTING {
            return Err("nesting is too deep");
        }
        self.count(1)?;
        self.open.push(Open { anchor, kind });
        Ok(())
    }

    fn closed(&mut self) -> Result<(), &'static str> {
        let Some(Open { anchor, kind }) = self.open.pop() else {
            return Ok(());
        };
        let value = match kind {
            Kind::List(items) => Value::Array(items),
            Kind::Map {
                mut members,
                merged,
                ..
            } => {
                for (name, value) in merged {
                    members.entry(name).or_insert(value);
                }
                Value::Object(members)
            }
        };
        self.put(value, anchor)
    }

    fn alias(&mut self, anchor: usize) -> Result<(), &'static str> {
        let Some(value) = self.anchors.get(&anchor).cloned() else {
            return Err("an alias of something that is not complete");
        };
        let (values, depth) = size(&value);
        self.count(values)?;
        self.bytes += bytes(&value);
        if self.bytes > MAX_BYTES {
            return Err(TOO_LARGE);
        }
        if self.open.len() + depth > MAX_NESTING {
            return Err("nesting is too deep");
        }
        if self.wants_key() {
            return match value {
                Value::String(name) => self.key(Key::Name(name)),
                _ => Err(NO_NAME),
            };
        }
        self.put(value, 0)
    }

    fn value(&mut self, value: Value, anchor: usize) -> Result<(), &'static str> {
        self.count(1)?;
        self.put(value, anchor)
    }

    fn count(&mut self, values: usize) -> Result<(), &'static str> {
        self.values += values;
        if self.values > MAX_VALUES {
            Err(TOO_LARGE)
        } else {
            Ok(())
        }
    }

    /// Puts a value where it belongs.
    fn put(&mut self, value: Value, anchor: usize) -> Result<(), &'static str> {
        if anchor > 0 {
            self.anchors.insert(anchor, value.clone());
        }
        match self.open.last_mut().map(|open| &mut open.kind) {
            None => self.document = Some(value),
            Some(Kind::List(items)) => items.push(value),
            Some(Kind::Map {
                members,
                merged,
                next,
                ..
            }) => match next.take() {
                Some(Key::Name(name)) => {
                    members.insert(name, value);
                }
                Some(Key::Merge) => merge(merged, value)?,
                None => {}
            },
        }
        Ok(())
    }
}

const DUPLICATE: &str = "duplicate key";
const NO_NAME: &str = "a name that is no text";
const TAG: &str = "a tag: write the value without one";
const TOO_LARGE: &str = "too large, with its aliases";

/// Returns true if a tag says that a scalar is a text.
fn is_text(tag: &Tag) -> Result<bool, &'static str> {
    let is_text =
        tag.core_suffix() == Some("str") || tag.suffix_in_namespace("!").as_deref() == Some("");
    if is_text { Ok(true) } else { Err(TAG) }
}

/// Takes in a mapping, or a list of them, of which the first counts.
fn merge(merged: &mut Map<String, Value>, value: Value) -> Result<(), &'static str> {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                merged.entry(name).or_insert(value);
            }
            Ok(())
        }
        Value::Array(items) => items.into_iter().try_for_each(|item| match item {
            Value::Object(_) => merge(merged, item),
            _ => Err(NOT_MERGED),
        }),
        Value::Null => Ok(()),
        _ => Err(NOT_MERGED),
    }
}

const NOT_MERGED: &str = "`<<` takes in a mapping, or a list of mappings";

/// How many values there are in one, and how deep.
fn size(value: &Value) -> (usize, usize) {
    let below: &mut dyn Iterator<Item = &Value> = match value {
        Value::Array(items) => &mut items.iter(),
        Value::Object(members) => &mut members.values(),
        _ => return (1, 0),
    };
    below
        .map(size)
        .fold((1, 1), |(count, depth), (more, deeper)| {
            (count + more, depth.max(deeper + 1))
        })
}

fn bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(bytes).sum(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| name.len() + bytes(value))
            .sum(),
        _ => 0,
    }
}
