//! `zot.json`: where each row of zot's tests and of the probes of a running zot is run, or why it
//! is not.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::module;
use registry_auth_harness::scenario::{self, Scenarios};
use serde::Deserialize;
use serde_json::Value;

/// Scenario files whose rows are named `ID: ...`.
const SCENARIOS: [&str; 2] = ["zot.json", "zot_probes.json"];
/// The engine's own tables, in which a row has its `id`.
const ENGINE: [(&str, &str); 4] = [
    (
        "filter/engine/src/authz/testdata/zot_policies.json",
        "/rows",
    ),
    (
        "filter/engine/src/authn/testdata/zot_mappings.json",
        "/rows",
    ),
    ("filter/engine/src/authn/testdata/zot_mtls.json", ""),
    ("filter/cel/src/testdata/zot_expressions.json", "/rows"),
];

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Ledger {
    /// How many rows there are of each kind; they are numbered from 1.
    pub(super) areas: BTreeMap<String, usize>,
    /// Tables of the engine that hold whole lists of probes.
    pub(super) tables: Vec<Table>,
    /// Configurations that are compiled here.
    pub(super) configurations: Vec<Configuration>,
    /// Rows that tests elsewhere show.
    pub(super) shown: Vec<Shown>,
    /// Scenarios whose outcome is another than zot's, by reason.
    pub(super) different: Vec<Different>,
    /// Rows that nothing shows.
    pub(super) excluded: Vec<Exclusion>,
}

/// A list of probes in one of the engine's tables.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    /// Its path in the repository.
    file: String,
    /// Where in it, as JSON pointer.
    at: String,
    /// How many there are.
    pub(super) rows: usize,
}

/// A configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Configuration {
    /// The row.
    pub(super) id: String,
    /// The section `http`.
    pub(super) http: Value,
    /// True if it is accepted here.
    pub(super) accepted: bool,
    /// Why it is not as in zot.
    #[serde(default)]
    pub(super) note: String,
}

/// Rows that a test elsewhere shows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shown {
    /// The file of the test: Rust, or scenarios.
    pub(super) by: String,
    /// The name of the test function, or of the row.
    pub(super) test: String,
    /// What the test function holds for them.
    #[serde(default)]
    pub(super) holds: String,
    /// The rows.
    pub(super) ids: Vec<String>,
    /// Why it is not as in zot.
    #[serde(default)]
    pub(super) differs: String,
}

/// Scenarios that are not as in zot.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Different {
    /// Why.
    pub(super) reason: String,
    /// Their names.
    pub(super) scenarios: Vec<String>,
}

/// Rows that nothing shows.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exclusion {
    /// Why.
    pub(super) reason: String,
    /// The rows.
    pub(super) rows: Vec<String>,
}

impl Ledger {
    /// The file as it is.
    pub(super) fn read() -> Result<Self> {
        serde_json::from_str(include_str!("../zot.json")).context("zot.json")
    }

    /// Every reason for another outcome than zot's.
    pub(super) fn reasons(&self) -> impl Iterator<Item = &str> {
        let notes = self.configurations.iter().map(|row| &row.note);
        let differs = self.shown.iter().map(|shown| &shown.differs);
        let different = self.different.iter().map(|different| &different.reason);
        notes
            .chain(differs)
            .filter(|reason| !reason.is_empty())
            .chain(different)
            .map(String::as_str)
    }

    /// Every row with the place that it has in the ledger, in the engine's tables and among the
    /// scenarios.
    pub(super) fn places(&self) -> Result<Vec<(String, &'static str)>> {
        let mut places = Vec::new();
        places.extend(of_the_engine()?.into_iter().map(|id| (id, "the engine")));
        let mut of_scenarios: Vec<_> = scenarios()?
            .iter()
            .filter_map(|(name, _)| id_of(name))
            .collect();
        of_scenarios.dedup();
        places.extend(of_scenarios.into_iter().map(|id| (id, "scenarios")));
        places.extend(
            self.configurations
                .iter()
                .map(|row| (row.id.clone(), "configurations")),
        );
        places.extend(
            self.shown
                .iter()
                .flat_map(|shown| &shown.ids)
                .map(|id| (id.clone(), "shown")),
        );
        places.extend(
            self.excluded
                .iter()
                .flat_map(|excluded| &excluded.rows)
                .map(|id| (id.clone(), "excluded")),
        );
        Ok(places)
    }
}

impl Table {
    /// How many rows the table has, and where it is.
    pub(super) fn found(&self) -> Result<(usize, String)> {
        let Self { file, at, .. } = self;
        let place = format!("{file}{at}");
        let table: Value =
            serde_json::from_slice(&fs::read(path(file))?).with_context(|| file.clone())?;
        let count = match table.pointer(at) {
            Some(Value::Array(rows)) => rows.len(),
            Some(Value::Object(rows)) => rows.len(),
            _ => 0,
        };
        Ok((count, place))
    }
}

impl Shown {
    /// Makes sure that the test is there, and holds what it is said to hold.
    ///
    /// # Errors
    /// The file, the test or the row is missing.
    pub(super) fn check(&self) -> Result<()> {
        let Self {
            by, test, holds, ..
        } = self;
        if let Some(name) = by.strip_prefix("tests/scenarios/") {
            let rows = rows_of(name)?;
            ensure!(
                rows.iter().any(|(row, _)| row == test),
                "{by} has no row `{test}`"
            );
            return Ok(());
        }
        let text = fs::read_to_string(path(by)).with_context(|| by.clone())?;
        let (before, body) = text
            .split_once(&format!("fn {test}("))
            .with_context(|| format!("{by} has no `{test}`"))?;
        ensure!(
            before.trim_end().ends_with("async") || before.trim_end().ends_with(']'),
            "{by}: `{test}` is no test"
        );
        let indent = before
            .rsplit('\n')
            .find(|line| line.trim_start().starts_with("#["))
            .unwrap_or_default();
        let indent = indent.len() - indent.trim_start().len();
        let end = format!("\n{}}}\n", " ".repeat(indent));
        let body = body.split(&end).next().unwrap_or_default();
        ensure!(
            body.contains(holds.as_str()),
            "{by}: `{test}` does not hold `{holds}`"
        );
        Ok(())
    }
}

/// Every scenario that is named after a row, with what is expected of it.
pub(super) fn scenarios() -> Result<Vec<(String, registry_auth_harness::expect::Expect)>> {
    let mut all = Vec::new();
    for name in SCENARIOS {
        all.extend(rows_of(name)?);
    }
    Ok(all)
}

/// The row that a scenario is named after; one may have several.
pub(super) fn id_of(name: &str) -> Option<String> {
    name.split_once(": ").map(|(id, _)| id.to_owned())
}

fn rows_of(file: &str) -> Result<Vec<(String, registry_auth_harness::expect::Expect)>> {
    let path = scenario::folder().join(file);
    Ok(Scenarios::read(&path)?
        .rows
        .into_iter()
        .map(|row| (row.name, row.expect))
        .collect())
}

fn of_the_engine() -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Numbered {
        id: String,
    }
    let mut ids = Vec::new();
    for (file, at) in ENGINE {
        let table: Value =
            serde_json::from_slice(&fs::read(path(file))?).with_context(|| file.to_owned())?;
        let rows: Vec<Numbered> =
            serde_json::from_value(table.pointer(at).cloned().unwrap_or_default())?;
        ids.extend(rows.into_iter().map(|row| row.id));
    }
    Ok(ids)
}

/// Returns true if a reason is one for users: `D7`, or `D7: more`, is a deviation of `docs/zot.md`;
/// otherwise it is a quotation from there.
///
/// # Errors
/// The page cannot be read.
pub(super) fn is_documented(reason: &str) -> Result<bool> {
    let page = fs::read_to_string(path("docs/zot.md"))?;
    Ok(match reason.strip_prefix("docs/zot.md: ") {
        Some(quoted) => page
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .contains(quoted),
        None => page.contains(&format!(
            "\n| {} |",
            reason.split(':').next().unwrap_or_default()
        )),
    })
}

/// A path of the repository.
fn path(file: &str) -> PathBuf {
    module::workspace().join(file)
}
