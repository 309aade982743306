//! Every row of zot's own tests is run somewhere, or left out for a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use registry_auth::config::{self, Role};
use registry_auth_tests::expand;
use registry_auth_tests::scenario::Scenarios;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Outcome;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ledger {
    /// How many rows there are of each kind; they are numbered from 1.
    areas: BTreeMap<String, usize>,
    configurations: Vec<Configuration>,
    excluded: Vec<Exclusion>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Configuration {
    id: String,
    http: Value,
    accepted: bool,
    /// Why it is not as in zot.
    #[serde(default)]
    note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exclusion {
    reason: String,
    rows: Vec<String>,
}

/// One of the engine's own tables.
#[derive(Deserialize)]
struct Table {
    rows: Vec<Numbered>,
}

#[derive(Deserialize)]
struct Numbered {
    id: String,
}

fn ledger() -> anyhow::Result<Ledger> {
    Ok(serde_json::from_str(include_str!("zot.json"))?)
}

/// The rows that the engine's own tables hold.
fn of_the_engine() -> anyhow::Result<Vec<String>> {
    let mut ids = Vec::new();
    for table in [
        include_str!("../../../filter/engine/src/authz/testdata/zot_policies.json"),
        include_str!("../../../filter/engine/src/authn/testdata/zot_mappings.json"),
        include_str!("../../../filter/engine/src/cel/testdata/zot_expressions.json"),
    ] {
        let table: Table = serde_json::from_str(table)?;
        ids.extend(table.rows.into_iter().map(|row| row.id));
    }
    Ok(ids)
}

/// The rows that scenarios are named after; one may have several.
fn of_the_scenarios() -> anyhow::Result<BTreeSet<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/zot.json");
    let rows = Scenarios::read(&path)?.rows;
    Ok(rows.iter().filter_map(|row| row.name.split_once(": ")).map(|(id, _)| id.to_owned()).collect())
}

#[test]
fn every_row_of_zots_tests_is_run_or_left_out_for_a_reason() -> Outcome {
    let ledger = ledger()?;
    let mut places: Vec<(String, &str)> = Vec::new();
    places.extend(of_the_engine()?.into_iter().map(|id| (id, "the engine")));
    places.extend(of_the_scenarios()?.into_iter().map(|id| (id, "scenarios/zot.json")));
    places.extend(ledger.configurations.iter().map(|row| (row.id.clone(), "configurations")));
    for exclusion in &ledger.excluded {
        assert!(exclusion.reason.len() > 1, "no reason for {:?}", exclusion.rows);
        places.extend(exclusion.rows.iter().map(|id| (id.clone(), "excluded")));
    }
    let all =
        ledger.areas.iter().flat_map(|(area, count)| (1..=*count).map(move |number| format!("{area}-{number:02}")));
    let all: BTreeSet<String> = all.collect();
    assert_eq!(all.len(), 545);
    let mut by_row: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (id, place) in places {
        by_row.entry(id).or_default().push(place);
    }
    assert_eq!(by_row.keys().cloned().collect::<BTreeSet<_>>(), all);
    for (id, places) in by_row {
        assert_eq!(places.len(), 1, "{id} is in {places:?}");
    }
    Ok(())
}

#[test]
fn zots_configurations_are_accepted_and_refused_as_there() {
    for row in ledger().unwrap().configurations {
        let proxy = json!({"oidcCluster": "issuers", "pushKey": {"env": "REGISTRY_AUTH_PUSH_KEY"}});
        let mut document = json!({"http": row.http, "proxy": proxy});
        expand::keys(&mut document).unwrap();
        let (role, mut diagnostics) = config::decode_value(document);
        let Role::Filter(document) = role else { panic!("{}", row.id) };
        let compiled = config::compile(&document, &mut diagnostics);
        let accepted = compiled.is_some() && diagnostics.errors.is_empty();
        assert_eq!(accepted, row.accepted, "{} ({}): {:?}", row.id, row.note, diagnostics.errors);
    }
}
