//! Checks that every row of zot's own tests, and every probe of a running zot, is a scenario, or is
//! left out for a reason.

mod ledger;

use std::collections::{BTreeMap, BTreeSet};

use registry_auth_engine::compile;
use registry_auth_engine::config::{self, Role};
use registry_auth_harness::expand;
use registry_auth_harness::expect::Expect;
use serde::Deserialize;
use serde_json::json;

use crate::Outcome;
use ledger::{Ledger, id_of, is_documented, scenarios};

/// Rows of zot's own tests, and probes, without those that the engine holds in tables of their own.
const ROWS: usize = 545 + 153 + 37 + 39;

/// What a running zot did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Answer {
    /// It answered with this status.
    Status(u16),
    /// It did something else.
    Did(Deed),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Deed {
    /// It let the request in, whatever the registry then made of it.
    Granted,
    /// It started with the configuration.
    Starts,
    /// It started, and let everybody do everything.
    Open,
    /// It did not start.
    Refuses,
}

/// A probe and its result.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Probed {
    id: String,
    probe: String,
    zot: Answer,
}

impl Answer {
    /// Converts the expectation of a scenario to the result of a probe.
    fn of(expect: &Expect) -> Self {
        if expect.upstream.is_some() || expect.status == 200 {
            Self::Did(Deed::Granted)
        } else {
            Self::Status(expect.status)
        }
    }
}

fn probes() -> anyhow::Result<BTreeMap<String, Probed>> {
    let probes: Vec<Probed> = serde_json::from_str(include_str!("zot_probes.json"))?;
    Ok(probes
        .into_iter()
        .map(|probed| (probed.id.clone(), probed))
        .collect())
}

#[test]
fn every_row_of_zot_is_run_or_left_out_for_a_reason() -> Outcome {
    let ledger = Ledger::read()?;
    let all = ledger
        .areas
        .iter()
        .flat_map(|(area, count)| (1..=*count).map(move |number| format!("{area}-{number:02}")));
    let all: BTreeSet<String> = all.collect();
    assert_eq!(all.len(), ROWS);
    let mut by_row: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (id, place) in ledger.places()? {
        let fresh = by_row.entry(id.clone()).or_default().insert(place);
        assert!(fresh || place == "scenarios", "duplicate {id} in {place}");
    }
    let known: BTreeSet<String> = by_row.keys().cloned().collect();
    let (missing, unknown): (Vec<_>, Vec<_>) = (
        all.difference(&known).collect(),
        known.difference(&all).collect(),
    );
    assert!(
        missing.is_empty() && unknown.is_empty(),
        "nowhere: {missing:?}; no rows: {unknown:?}"
    );
    for (id, places) in by_row {
        assert_eq!(places.len(), 1, "{id} is in {places:?}");
    }
    for exclusion in &ledger.excluded {
        assert!(
            exclusion.reason.len() > 1,
            "no reason for {:?}",
            exclusion.rows
        );
    }
    Ok(())
}

#[test]
fn what_is_said_to_show_a_row_is_there() -> Outcome {
    let ledger = Ledger::read()?;
    for shown in &ledger.shown {
        shown.check()?;
    }
    for table in &ledger.tables {
        let (count, place) = table.found()?;
        assert_eq!(count, table.rows, "{place}");
    }
    Ok(())
}

#[test]
fn every_difference_from_zot_is_told_to_users() -> Outcome {
    for reason in Ledger::read()?.reasons() {
        assert!(is_documented(reason)?, "docs/zot.md does not say: {reason}");
    }
    Ok(())
}

#[test]
fn a_scenario_ends_as_the_probe_of_zot_did_or_is_listed_as_different() -> Outcome {
    let ledger = Ledger::read()?;
    let probes = probes()?;
    let scenarios = scenarios()?;
    let mut different = BTreeSet::new();
    for listed in &ledger.different {
        for name in &listed.scenarios {
            assert!(
                scenarios.iter().any(|(known, _)| known == name),
                "there is no scenario `{name}`"
            );
            assert!(different.insert(name.as_str()), "`{name}` is listed twice");
        }
    }
    for (name, expect) in &scenarios {
        let Some(Probed { probe, zot, .. }) = id_of(name).and_then(|id| probes.get(&id)) else {
            continue;
        };
        let here = Answer::of(expect);
        assert_eq!(
            here != *zot,
            different.contains(name.as_str()),
            "`{name}` ({probe}): zot {zot:?}, here {here:?}"
        );
    }
    Ok(())
}

#[test]
fn zots_configurations_are_accepted_and_refused_as_there() -> Outcome {
    let probes = probes()?;
    for row in Ledger::read()?.configurations {
        let proxy = json!({"oidcCluster": "issuers", "pushKey": {"env": "REGISTRY_AUTH_PUSH_KEY"}});
        let mut document = json!({"http": row.http, "proxy": proxy});
        expand::keys(&mut document)?;
        let (role, mut diagnostics) = config::decode_value(document);
        let Role::Filter(document) = role else {
            panic!("{}", row.id)
        };
        let compiled = compile(&document, &mut diagnostics);
        let accepted = compiled.is_some() && diagnostics.errors.is_empty();
        assert_eq!(
            accepted, row.accepted,
            "{} ({}): {:?}",
            row.id, row.note, diagnostics.errors
        );
        if let Some(Probed { probe, zot, .. }) = probes.get(&row.id) {
            let same = matches!(
                (zot, accepted),
                (Answer::Did(Deed::Starts), true) | (Answer::Did(Deed::Refuses), false)
            );
            assert!(
                same || !row.note.is_empty(),
                "{} ({probe}): zot {zot:?}, here {accepted}",
                row.id
            );
        }
    }
    Ok(())
}
