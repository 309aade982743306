//! `docs/configuration.md` names every key that the reader takes, with its type and its default, and no other.
//!
//! The keys are those of the reader itself: asked about a key that cannot exist, it lists the ones that it knows, and its errors
//! about a value of the wrong type say which one it wants.

mod page;
mod probe;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Error, ensure};
use registry_auth::config::{self, Compiled, Diagnostics, Role};
use serde_json::Value;

use self::page::{Page, Row};
use self::probe::Kind;
use crate::Outcome;
use crate::examples;

const PAGE: &str = include_str!("../../../docs/configuration.md");

#[test]
fn the_page_has_the_keys_of_the_reader_with_their_types() {
    let page = Page::parse(PAGE);
    let mut wanted = BTreeMap::new();
    let mut ignored = BTreeMap::new();
    for (path, kind) in probe::keys() {
        let keys = if kind == Kind::Ignored { &mut ignored } else { &mut wanted };
        keys.insert(path, kind);
    }
    let said: BTreeMap<_, _> = page.keys().map(|(path, row)| (path, row.kind.clone())).collect();
    let wanted: BTreeMap<_, _> = wanted.into_iter().map(|(path, kind)| (path, kind.name().to_owned())).collect();
    assert_eq!(difference(&said, &wanted), [""; 0], "on the page, and not so in the reader");
    assert_eq!(difference(&wanted, &said), [""; 0], "in the reader, and not so on the page");
    assert_eq!(page.ignored, ignored.into_keys().collect::<BTreeSet<_>>());
    assert!(wanted.len() > 60, "{} keys", wanted.len());
}

fn difference(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> Vec<String> {
    let differs = |(path, kind): &(&String, &String)| other.get(*path) != Some(kind);
    one.iter().filter(differs).map(|(path, kind)| format!("{path}: {kind}")).collect()
}

#[test]
fn the_examples_of_the_page_have_the_type_of_their_key() -> Outcome {
    for (path, row) in Page::parse(PAGE).keys() {
        let Some(example) = &row.example else {
            ensure(row.kind.contains("object"), &path, "has no example")?;
            continue;
        };
        let value: Value = serde_json::from_str(example).with_context(|| path.clone())?;
        let (_, found) = config::decode_value(probe::document(&path, value));
        let at_key: Vec<_> =
            found.errors.iter().filter(|error| error.path.starts_with(&probe::written(&path))).collect();
        ensure(at_key.is_empty(), &path, &format!("{at_key:?}"))?;
    }
    Ok(())
}

/// In each example that has the object of a key, the key with its default is the same as no key; one that is required is missed.
#[test]
fn the_defaults_of_the_page_are_those_of_the_code() -> Outcome {
    let examples = examples::all()?;
    let page = Page::parse(PAGE);
    let mut tried = 0;
    for section in &page.sections {
        for row in &section.rows {
            let Some(default) = row.default.clone() else { continue };
            let mut places = 0;
            for object in &section.paths {
                for (name, example) in &examples {
                    places += try_default(example, object, row, &default)
                        .with_context(|| format!("examples/{name}.json with {object}.{} as on the page", row.name))?;
                }
            }
            ensure(places > 0, &row.name, "no example has its object")?;
            tried += 1;
        }
    }
    assert!(tried > 40, "{tried} defaults");
    Ok(())
}

/// How many objects at `object` the example has, each of which was tried.
fn try_default(example: &Value, object: &str, row: &Row, default: &page::Default) -> Result<usize, Error> {
    let places = probe::pointers(example, object);
    for place in &places {
        let variant = |value: Option<&Value>| -> Result<Option<Compiled>, Error> {
            let mut document = example.clone();
            let members = document.pointer_mut(place).and_then(Value::as_object_mut).context("no object")?;
            members.remove(&row.name);
            members.extend(value.map(|value| (row.name.clone(), value.clone())));
            compiled(document)
        };
        let without = variant(None)?;
        match default {
            page::Default::Required => ensure!(without.is_none(), "it is not required"),
            page::Default::Value(value) => {
                let with = variant(Some(value))?.context("its default is refused")?;
                // Without it the example may be incomplete, as a policy without actions is not.
                let without = without.context("it is required")?;
                ensure!(shown(&without) == shown(&with), "the default is another");
            }
        }
    }
    Ok(places.len())
}

/// The compiled document; nothing if it is refused, or is an intake that holds.
fn compiled(document: Value) -> Result<Option<Compiled>, Error> {
    let (role, mut found): (Role, Diagnostics) = config::decode_value(document);
    match role {
        Role::Filter(document) => Ok(config::compile(&document, &mut found).filter(|_| found.errors.is_empty())),
        Role::Intake(_) | Role::Unreadable => {
            ensure!(!found.errors.is_empty(), "an intake has no defaults");
            Ok(None)
        }
    }
}

/// All that was compiled, as text. Maps are in no order, so lines are.
fn shown(compiled: &Compiled) -> Vec<String> {
    let text = format!("{compiled:#?}");
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

fn ensure(holds: bool, path: &str, message: &str) -> Result<(), Error> {
    ensure!(holds, "{path}: {message}");
    Ok(())
}
