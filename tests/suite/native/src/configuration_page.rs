//! `docs/configuration.md` names every key that the reader takes, with its type and its default,
//! and no other.
//!
//! The keys are those of the reader itself: asked about a key that cannot exist, it lists the ones
//! that it knows, and its errors about a value of the wrong type say which one it wants.

mod page;
mod probe;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context as _, Error, ensure};
use registry_auth_engine::compile;
use registry_auth_engine::config::{self, Role};
use registry_auth_harness::module::workspace;
use serde_json::{Value, json};

use self::page::{Absent, Page};
use self::probe::Kind;
use crate::Outcome;
use crate::examples;

fn page() -> Result<Page, Error> {
    Ok(Page::parse(&fs::read_to_string(
        workspace().join("docs/configuration.md"),
    )?))
}

#[test]
fn the_page_has_the_keys_of_the_reader_with_their_types() -> Outcome {
    let page = page()?;
    let mut wanted = BTreeMap::new();
    let mut ignored = BTreeMap::new();
    for (path, kind) in probe::keys()? {
        let keys = if kind == Kind::Ignored {
            &mut ignored
        } else {
            &mut wanted
        };
        keys.insert(path, kind);
    }
    let said: BTreeMap<_, _> = page
        .keys()
        .map(|(path, row)| (path, row.kind.clone()))
        .collect();
    let wanted: BTreeMap<_, _> = wanted
        .into_iter()
        .map(|(path, kind)| {
            let name = kind.name(&path).to_owned();
            (path, name)
        })
        .collect();
    assert_eq!(
        difference(&said, &wanted),
        [""; 0],
        "on the page, and not so in the reader"
    );
    assert_eq!(
        difference(&wanted, &said),
        [""; 0],
        "in the reader, and not so on the page"
    );
    assert_eq!(page.ignored, ignored.into_keys().collect::<BTreeSet<_>>());
    assert!(wanted.len() > 60, "{} keys", wanted.len());
    Ok(())
}

/// What the filter reads reaches it: a section that is left out would be without effect, and nobody
/// would say so.
#[test]
fn what_is_rendered_has_the_keys_of_the_reader() -> Outcome {
    // The plugin of the intake is rendered apart, and so is the login service.
    let apart = ["intake", "http.auth.login"];
    let mut lost = Vec::new();
    for (path, kind) in probe::keys()? {
        let is_apart = |apart: &str| path == apart || path.starts_with(&format!("{apart}."));
        if kind == Kind::Ignored || apart.iter().any(|apart| is_apart(apart)) {
            continue;
        }
        let document = probe::document(&path, json!("value"));
        if registry_auth_render::read_by_the_filter(&document) != document {
            lost.push(path);
        }
    }
    assert_eq!(lost, [""; 0]);
    Ok(())
}

fn difference(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> Vec<String> {
    let differs = |(path, kind): &(&String, &String)| other.get(*path) != Some(kind);
    one.iter()
        .filter(differs)
        .map(|(path, kind)| format!("{path}: {kind}"))
        .collect()
}

#[test]
fn the_examples_of_the_page_have_the_type_of_their_key() -> Outcome {
    for (path, row) in page()?.keys() {
        let Some(example) = &row.example else {
            ensure(row.kind.contains("object"), &path, "has no example")?;
            continue;
        };
        let value: Value = serde_json::from_str(example).with_context(|| path.clone())?;
        let (_, found) = config::decode_value(probe::document(&path, value));
        let at_key: Vec<_> = found
            .errors
            .iter()
            .filter(|error| error.path.starts_with(&probe::written(&path)))
            .collect();
        ensure(at_key.is_empty(), &path, &format!("{at_key:?}"))?;
    }
    Ok(())
}

/// In each example that has the object of a key, the key with its default is the same as no key;
/// one that is required is missed.
#[test]
fn the_defaults_of_the_page_are_those_of_the_code() -> Outcome {
    let mut examples = examples::all()?;
    examples.insert(
        "a certificate without options".to_owned(),
        json!({ "http": { "auth": { "mtls": {} } } }),
    );
    let mut records = examples
        .get("github-actions")
        .context("no such example")?
        .clone();
    if let Some(members) = records.as_object_mut() {
        let log = json!({ "level": "info", "decisions": {} });
        let shadow = json!({ "accessControl": { "repositories": {} } });
        members.extend([("log".to_owned(), log), ("shadow".to_owned(), shadow)]);
    }
    examples.insert("records".to_owned(), records);
    let login = json!({ "cluster": "login", "methods": ["htpasswd"] });
    examples.insert(
        "people".to_owned(),
        json!({ "http": { "auth": { "login": login } }, "proxy": { "pushKey": { "env": "K" } } }),
    );
    let mut tried = 0;
    for section in &page()?.sections {
        for row in &section.rows {
            let Some(absent) = &row.default else { continue };
            let mut places = 0;
            for (name, example) in &examples {
                for object in &section.paths {
                    let place = || format!("{object}.{} in {name}", row.name);
                    places += try_absent(example, object, &row.name, absent).with_context(place)?;
                }
            }
            ensure(
                places > 0,
                &format!("{:?}.{}", section.paths, row.name),
                "no example can be without it",
            )?;
            tried += 1;
        }
    }
    assert!(tried > 40, "{tried} defaults");
    Ok(())
}

/// In how many objects at `object` the absence of a key was as it should be.
fn try_absent(example: &Value, object: &str, name: &str, absent: &Absent) -> Result<usize, Error> {
    let mut tried = 0;
    for place in probe::pointers(example, object) {
        let variant = |value: Option<&Value>| -> Result<Option<Vec<String>>, Error> {
            let mut document = example.clone();
            let members = document
                .pointer_mut(&place)
                .and_then(Value::as_object_mut)
                .context("no object")?;
            members.remove(name);
            members.extend(value.map(|value| (name.to_owned(), value.clone())));
            Ok(compiled(document))
        };
        match absent {
            Absent::Required
                if example
                    .pointer(&place)
                    .is_some_and(|members| members.get(name).is_some()) =>
            {
                ensure!(variant(None)?.is_none(), "it is not required");
            }
            Absent::Required => continue,
            // Some examples need another value than the default; they are refused with it and
            // without.
            Absent::Value(value) => match (variant(None)?, variant(Some(value))?) {
                (None, None) => continue,
                (without, with) => ensure!(without == with, "the default is another"),
            },
        }
        tried += 1;
    }
    Ok(tried)
}

/// All that was compiled, as text; nothing if the document is refused. Maps are in no order, so the
/// lines are sorted.
fn compiled(document: Value) -> Option<Vec<String>> {
    let (role, mut found) = config::decode_value(document);
    let text = match role {
        Role::Filter(document) => format!("{:#?}", compile(&document, &mut found)),
        Role::Intake(_) | Role::Unreadable => format!("{role:#?}"),
    };
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines.sort_unstable();
    found.errors.is_empty().then_some(lines)
}

fn ensure(holds: bool, path: &str, message: &str) -> Result<(), Error> {
    ensure!(holds, "{path}: {message}");
    Ok(())
}
