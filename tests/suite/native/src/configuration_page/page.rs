//! The page as data: sections of one or several objects, each with a table of keys.

use std::collections::BTreeSet;

use serde_json::Value;

/// What the page says.
#[derive(Default)]
pub(super) struct Page {
    pub(super) sections: Vec<Section>,
    /// Paths of keys that are known and have no effect.
    pub(super) ignored: BTreeSet<String>,
}

/// A table of keys.
pub(super) struct Section {
    /// The objects that have these keys; empty for the document itself.
    pub(super) paths: Vec<String>,
    pub(super) rows: Vec<Row>,
}

/// A key.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) kind: String,
    /// What is tested: `required`, or a JSON value.
    pub(super) default: Option<Absent>,
    /// A JSON value.
    pub(super) example: Option<String>,
}

/// What a key is when it is absent.
#[derive(Clone)]
pub(super) enum Absent {
    Required,
    Value(Value),
}

impl Page {
    pub(super) fn parse(text: &str) -> Self {
        let mut page = Self::default();
        for section in text.split("\n## ").skip(1) {
            let (heading, body) = section.split_once('\n').unwrap_or((section, ""));
            let rows: Vec<Vec<&str>> = body.lines().filter_map(cells).collect();
            if heading == "Ignored keys" {
                page.ignored = rows.iter().flat_map(|cells| ignored(cells)).collect();
            } else if rows
                .first()
                .is_some_and(|head| *head == ["key", "type", "default", "meaning", "example"])
            {
                let rows = rows
                    .iter()
                    .skip(2)
                    .filter_map(|cells| Row::parse(cells))
                    .collect();
                page.sections.push(Section {
                    paths: objects(heading),
                    rows,
                });
            }
        }
        page
    }

    /// Every key with its path.
    pub(super) fn keys(&self) -> impl Iterator<Item = (String, &Row)> {
        self.sections.iter().flat_map(|section| {
            let of_object = move |object: &String| {
                section
                    .rows
                    .iter()
                    .map(move |row| (join(object, &row.name), row))
                    .collect::<Vec<_>>()
            };
            section.paths.iter().flat_map(of_object)
        })
    }
}

impl Row {
    fn parse(cells: &[&str]) -> Option<Self> {
        let [name, kind, default, _meaning, example] = cells else {
            return None;
        };
        let default = match *default {
            "required" => Some(Absent::Required),
            other => code(other)
                .and_then(|value| serde_json::from_str(value).ok())
                .map(Absent::Value),
        };
        let example = code(example).map(str::to_owned);
        Some(Self {
            name: code(name)?.to_owned(),
            kind: (*kind).to_owned(),
            default,
            example,
        })
    }
}

/// The cells of a row of a table.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line
        .strip_prefix("| ")
        .or_else(|| line.strip_prefix('|'))?
        .strip_suffix('|')?;
    Some(inner.split('|').map(str::trim).collect())
}

/// The text of a cell that is one code span.
fn code(cell: &str) -> Option<&str> {
    cell.strip_prefix('`')?
        .strip_suffix('`')
        .filter(|inner| !inner.contains('`'))
}

/// The code spans of a text.
fn spans(text: &str) -> impl Iterator<Item = String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned)
}

/// The objects that a heading names; the document itself has no name.
fn objects(heading: &str) -> Vec<String> {
    let named: Vec<_> = spans(heading).collect();
    if named.is_empty() {
        vec![String::new()]
    } else {
        named
    }
}

fn ignored(cells: &[&str]) -> Vec<String> {
    let [object, keys] = cells else {
        return Vec::new();
    };
    let object = code(object).unwrap_or_default();
    spans(keys).map(|name| join(object, &name)).collect()
}

fn join(object: &str, name: &str) -> String {
    if object.is_empty() {
        name.to_owned()
    } else {
        format!("{object}.{name}")
    }
}
