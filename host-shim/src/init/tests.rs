//! The tests of a policy that they cover notice what is taken out of it.

use std::path::Path;

use clap::ValueEnum as _;
use registry_auth_engine::compile::compile;
use registry_auth_engine::config::{Diagnostics, Role, decode_value};
use registry_auth_policy::case::Case;
use registry_auth_policy::coverage::Coverage;
use registry_auth_policy::tests;
use registry_auth_render::{Options, complete};
use serde_json::Value;

use super::*;
use crate::clock::wall_clock;
use crate::configuration::value_of;
use crate::disk::Disk;

/// The policies that `init` prints, and those of `testdata/covered`: name and document.
fn policies() -> Vec<(String, Value)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.yaml");
    let ready = Kind::value_variants().iter().map(|kind| {
        std::fs::write(&path, kind.text()).unwrap();
        (format!("{kind:?}"), value_of(&path).unwrap().unwrap())
    });
    let mut all: Vec<_> = ready.collect();
    let covered = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/covered");
    for entry in std::fs::read_dir(covered).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        all.push((name, value_of(&path).unwrap().unwrap()));
    }
    all
}

/// What came of the tests of a document.
struct Ran {
    failures: Vec<String>,
    warnings: Vec<String>,
    missing: Vec<String>,
}

/// Runs the tests of a document; `None` if it is refused for another reason.
fn run_tests(document: &Value) -> Option<Ran> {
    let completed = complete(document, &Options::default(), &Disk).ok()?;
    let Role::Filter(raw) = decode_value(completed.filter.clone()).0 else {
        return None;
    };
    let mut found = Diagnostics::default();
    let engine = compile(&raw, &mut found)?.engine;
    let read = tests::read(raw.tests.as_ref()?).ok()?;
    let mut coverage = Coverage::of(&raw, &engine);
    let mut see = |case: &Case| coverage.add(case);
    let summary = tests::run_and_see(&read, &engine, wall_clock(), &mut see);
    let missing = coverage.missing();
    Some(Ran {
        failures: summary.failures.iter().map(ToString::to_string).collect(),
        warnings: completed.warnings.iter().map(ToString::to_string).collect(),
        missing: missing
            .map(|(place, what)| format!("{place} {what}"))
            .collect(),
    })
}

/// The places of what a mutant lacks: each action, user, group, condition, validation and pattern.
fn places(value: &Value, at: &str, into: &mut Vec<String>) {
    const LISTS: [&str; 7] = [
        "actions",
        "users",
        "groups",
        "conditions",
        "validations",
        "defaultPolicy",
        "anonymousPolicy",
    ];
    let Value::Object(members) = value else {
        if let Value::Array(items) = value {
            for (index, item) in items.iter().enumerate() {
                places(item, &format!("{at}/{index}"), into);
            }
        }
        return;
    };
    for (name, value) in members {
        let place = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        if at.is_empty() && name == "tests" {
            continue;
        }
        if let (true, Value::Array(items)) = (LISTS.contains(&name.as_str()), value) {
            into.extend((0..items.len()).map(|index| format!("{place}/{index}")));
        }
        if at.ends_with("/repositories") {
            into.push(place.clone());
        }
        places(value, &place, into);
    }
}

/// The document without what is at a place.
fn without(document: &Value, place: &str) -> Value {
    let mut mutant = document.clone();
    let (parent, name) = place.rsplit_once('/').unwrap();
    match mutant.pointer_mut(parent).unwrap() {
        Value::Array(items) => drop(items.remove(name.parse().unwrap())),
        Value::Object(members) => {
            let name = name.replace("~1", "/").replace("~0", "~");
            assert!(members.remove(&name).is_some(), "{place}");
        }
        _ => panic!("{place}"),
    }
    mutant
}

/// So that the tests are worth something, and what they cover says something.
#[test]
fn the_tests_of_covered_policies_notice_what_is_missing() {
    let (mut mutants, mut survivors) = (0, Vec::new());
    let policies = policies();
    assert!(policies.len() >= 30, "{}", policies.len());
    for (name, document) in policies {
        let ran = run_tests(&document).unwrap_or_else(|| panic!("{name} is refused"));
        let fine = ran.failures.is_empty() && ran.warnings.is_empty() && ran.missing.is_empty();
        assert!(
            fine,
            "{name}: {:#?} {:#?} {:#?}",
            ran.failures, ran.warnings, ran.missing
        );
        let mut all = Vec::new();
        places(&document, "", &mut all);
        for place in all {
            mutants += 1;
            // One that is refused is noticed, too.
            let ran = run_tests(&without(&document, &place));
            if ran.is_some_and(|ran| ran.failures.is_empty()) {
                survivors.push(format!("{name} {place}"));
            }
        }
    }
    eprintln!(
        "{} of {mutants} mutants are not noticed: {survivors:#?}",
        survivors.len()
    );
    assert!(mutants > 250, "{mutants}");
    assert!(
        survivors.len() * 20 <= mutants,
        "{} of {mutants}: {survivors:#?}",
        survivors.len()
    );
}
