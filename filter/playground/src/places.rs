//! Where each value of a configuration is written.

use granit_parser::{Event, Marker, Options, Parser, ScanError, Span};
use serde::Serialize;

use crate::path::{self, Segment};
use crate::text::Format;

/// A part of a text. Lines and columns count from 1; columns are characters. The end is exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Place {
    /// The line where it begins.
    pub(crate) line: usize,
    /// The column where it begins.
    pub(crate) column: usize,
    /// The line where it ends.
    pub(crate) end_line: usize,
    /// The column behind its end.
    pub(crate) end_column: usize,
}

/// The places of all values of a document.
#[derive(Debug, Default)]
pub(crate) struct Places {
    root: Option<Node>,
}

#[derive(Debug)]
struct Node {
    /// Of the value: of a scalar whole, of anything else where it begins.
    value: Place,
    /// Of its name, where it is a member.
    name: Option<Place>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Scalar(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// A list or an object that is being read, with the name of the next member.
struct Open {
    node: Node,
    next: Option<(String, Place)>,
}

impl Place {
    fn of(span: &Span) -> Self {
        Self::between(&span.start, &span.end)
    }

    fn between(start: &Marker, end: &Marker) -> Self {
        Self {
            line: start.line(),
            column: start.col() + 1,
            end_line: end.line(),
            end_column: end.col() + 1,
        }
    }

    /// A place of one character.
    #[must_use]
    pub(crate) const fn at(line: usize, column: usize) -> Self {
        Self {
            line,
            column,
            end_line: line,
            end_column: column + 1,
        }
    }
}

impl Places {
    /// Reads the places of a text.
    ///
    /// # Errors
    /// It is no YAML: what is wrong, and where.
    pub(crate) fn read(text: &str, format: Format) -> Result<Self, (String, Place)> {
        // A tab is a blank in JSON and may be none in YAML, of which JSON is a part otherwise.
        let spaces;
        let text = if format == Format::Json {
            spaces = text.replace('\t', " ");
            &spaces
        } else {
            text
        };
        let mut open: Vec<Open> = Vec::new();
        let mut places = Self::default();
        for event in Parser::new_from_str_with_options(text, Options::default()) {
            let (event, span) = event.map_err(|error| wrong(&error))?;
            match event {
                Event::Scalar(text, ..) => {
                    let node = Node::new(Place::of(&span), Kind::Scalar(text.into_owned()));
                    places.add(&mut open, node);
                }
                Event::Alias(_) => {
                    let node = Node::new(Place::of(&span), Kind::Scalar(String::new()));
                    places.add(&mut open, node);
                }
                Event::SequenceStart(..) => open.push(Open::new(&span, Kind::List(Vec::new()))),
                Event::MappingStart(..) => open.push(Open::new(&span, Kind::Map(Vec::new()))),
                Event::SequenceEnd | Event::MappingEnd => {
                    if let Some(Open { node, .. }) = open.pop() {
                        places.add(&mut open, node);
                    }
                }
                _ => {}
            }
        }
        Ok(places)
    }

    /// Adds a node to the innermost list or object, or as the document.
    fn add(&mut self, open: &mut [Open], mut node: Node) {
        let Some(parent) = open.last_mut() else {
            self.root.get_or_insert(node);
            return;
        };
        match &mut parent.node.kind {
            Kind::List(items) => items.push(node),
            Kind::Map(members) => {
                if let Some((name, place)) = parent.next.take() {
                    node.name = Some(place);
                    members.push((name, node));
                } else {
                    let name = match node.kind {
                        Kind::Scalar(name) => name,
                        Kind::List(_) | Kind::Map(_) => String::new(),
                    };
                    parent.next = Some((name, node.value));
                }
            }
            Kind::Scalar(_) => {}
        }
    }

    /// Returns the place of a path, or of the nearest thing above it that is written; `None` for
    /// the document itself.
    #[must_use]
    pub(crate) fn of(&self, path: &str) -> Option<Place> {
        let segments = path::parse(path);
        let (node, is_whole) = self.nearest(&segments)?;
        match (&node.kind, node.name) {
            (Kind::Scalar(_), _) if is_whole => Some(node.value),
            (_, Some(name)) => Some(name),
            (_, None) if std::ptr::eq(node, self.root.as_ref()?) => None,
            (_, None) => Some(node.value),
        }
    }

    /// Returns the text of a scalar.
    #[must_use]
    pub(crate) fn scalar(&self, path: &str) -> Option<&str> {
        match self.nearest(&path::parse(path))? {
            (
                Node {
                    kind: Kind::Scalar(text),
                    ..
                },
                true,
            ) => Some(text),
            _ => None,
        }
    }

    /// The deepest node of a path, and whether it is that of the whole path.
    fn nearest(&self, segments: &[Segment]) -> Option<(&Node, bool)> {
        let mut node = self.root.as_ref()?;
        for segment in segments {
            let next = match (segment, &node.kind) {
                (Segment::Name(name), Kind::Map(members)) => member(members, name),
                (Segment::Index(index), Kind::List(items)) => items.get(*index),
                // One value is read as a list of one.
                (Segment::Index(0), _) => Some(node),
                _ => None,
            };
            match next {
                Some(next) => node = next,
                None => return Some((node, false)),
            }
        }
        Some((node, true))
    }

    /// Calls `visit` with the path, the text and the place of each scalar.
    pub(crate) fn scalars(&self, visit: &mut dyn FnMut(&[Segment], &str, Place)) {
        let mut left: Vec<(Vec<Segment>, &Node)> = Vec::new();
        left.extend(self.root.as_ref().map(|root| (Vec::new(), root)));
        while let Some((path, node)) = left.pop() {
            let below = |segment| path.iter().cloned().chain([segment]).collect::<Vec<_>>();
            match &node.kind {
                Kind::Scalar(text) => visit(&path, text, node.value),
                Kind::List(items) => left.extend(
                    items
                        .iter()
                        .enumerate()
                        .map(|(index, item)| (below(Segment::Index(index)), item)),
                ),
                Kind::Map(members) => left.extend(
                    members
                        .iter()
                        .map(|(name, item)| (below(Segment::Name(name.clone())), item)),
                ),
            }
        }
    }
}

impl Node {
    const fn new(value: Place, kind: Kind) -> Self {
        Self {
            value,
            name: None,
            kind,
        }
    }
}

impl Open {
    fn new(span: &Span, kind: Kind) -> Self {
        let line = span.start.line();
        Self {
            node: Node::new(Place::at(line, span.start.col() + 1), kind),
            next: None,
        }
    }
}

/// Names are compared without case, as the reader of configurations does; the exact one first.
fn member<'a>(members: &'a [(String, Node)], name: &str) -> Option<&'a Node> {
    let exact = members.iter().find(|(key, _)| key == name);
    let found = exact.or_else(|| {
        members
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
    });
    found.map(|(_, node)| node)
}

fn wrong(error: &ScanError) -> (String, Place) {
    let marker = error.marker();
    let message = error.kind().to_string();
    (message, Place::at(marker.line(), marker.col() + 1))
}
