//! Checks that every probe of how zot authenticates people (passwords, directories, social login,
//! sessions, API keys) is a scenario, is shown by a test elsewhere, or is left out for a reason.
//!
//! Each file of `identity/` lists rows of some areas; together they have all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::Context as _;
use registry_auth_harness::module;
use registry_auth_harness::scenario::{self, Scenarios};
use serde::Deserialize;

use crate::Outcome;

/// How many rows each area has.
const AREAS: [(&str, usize); 17] = [
    ("apikey", 36),
    ("basic-http", 59),
    ("callback-ui", 44),
    ("combined", 21),
    ("config-identity", 34),
    ("faildelay", 6),
    ("htpasswd", 43),
    ("htpasswd-file", 9),
    ("ldap-escape", 17),
    ("ldap-filter", 18),
    ("ldap-login", 40),
    ("openid-claims", 18),
    ("openid-flow", 19),
    ("openid-logout", 7),
    ("openid-redirect", 3),
    ("openid-token", 18),
    ("session", 15),
];

/// A file of `identity/`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    #[expect(dead_code, reason = "for the reader of the file")]
    about: String,
    /// The rows of each area.
    areas: BTreeMap<String, Vec<String>>,
    /// Rows that tests elsewhere show.
    #[serde(default)]
    shown: Vec<Shown>,
    /// Rows that nothing shows here.
    #[serde(default)]
    excluded: Vec<Exclusion>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shown {
    /// The file of the test.
    by: String,
    /// The name of the test function.
    test: String,
    rows: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exclusion {
    reason: String,
    rows: Vec<String>,
}

fn parts() -> anyhow::Result<Vec<(PathBuf, Part)>> {
    let folder = module::workspace().join("tests/suite/native/src/identity");
    let mut parts = Vec::new();
    for entry in fs::read_dir(&folder).context("identity/")? {
        let path = entry?.path();
        let text = fs::read(&path)?;
        let part = serde_json::from_slice(&text).with_context(|| path.display().to_string())?;
        parts.push((path, part));
    }
    Ok(parts)
}

fn scenarios() -> anyhow::Result<BTreeSet<String>> {
    let read = Scenarios::read(&scenario::folder().join("identity.json"))?;
    let names = read.rows.iter().filter_map(|row| row.name.split_once(": "));
    Ok(names.map(|(id, _)| id.to_owned()).collect())
}

#[test]
fn every_row_is_run_shown_or_left_out_for_a_reason() -> Outcome {
    let mut areas: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut places: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for id in scenarios()? {
        places.entry(id).or_default().insert("scenarios".into());
    }
    for (path, part) in parts()? {
        for (area, rows) in part.areas {
            areas.entry(area).or_default().extend(rows);
        }
        let shown = part.shown.iter().map(|shown| (&shown.test, &shown.rows));
        let excluded = part.excluded.iter().map(|left| (&left.reason, &left.rows));
        for (place, rows) in shown.chain(excluded) {
            assert!(place.len() > 1, "{}: no reason", path.display());
            for row in rows {
                let is_new = places.entry(row.clone()).or_default().insert(place.clone());
                assert!(is_new, "{row} is twice in {place}");
            }
        }
    }
    let all: BTreeSet<_> = areas.values().flatten().cloned().collect();
    let listed: BTreeSet<_> = places.keys().cloned().collect();
    let (missing, unknown): (Vec<_>, Vec<_>) = (
        all.difference(&listed).collect(),
        listed.difference(&all).collect(),
    );
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "nowhere: {missing:?}; no rows: {unknown:?}"
    );
    for (id, places) in places {
        assert_eq!(places.len(), 1, "{id} is in {places:?}");
    }
    assert_eq!(areas.len(), AREAS.len(), "areas");
    for (area, rows) in &areas {
        let known = AREAS.iter().find(|(name, _)| name == area);
        let (_, count) = known.with_context(|| format!("there is no area {area}"))?;
        assert_eq!(rows.len(), *count, "{area}");
    }
    Ok(())
}

#[test]
fn what_is_said_to_show_a_row_is_there() -> Outcome {
    for (_, part) in parts()? {
        for Shown { by, test, .. } in part.shown {
            let text = fs::read_to_string(module::workspace().join(&by));
            let text = text.with_context(|| by.clone())?;
            assert!(
                text.contains(&format!("fn {test}(")),
                "{by} has no `{test}`"
            );
        }
    }
    Ok(())
}
