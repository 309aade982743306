//! The configuration's own tests: what came of them, and what they have reached.

use registry_auth_engine::UnixTime;
use registry_auth_engine::config::raw::Document;
use registry_auth_engine::engine::Engine;
use registry_auth_policy::case::Case;
use registry_auth_policy::coverage::Coverage;
use registry_auth_policy::tests;
use serde::Serialize;

use crate::decision::{self, Decision};
use crate::path;
use crate::places::{Place, Places};
use crate::who::Signature;

/// What came of all tests.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Results {
    /// How many requests they make.
    pub(crate) requests: usize,
    /// Each test.
    pub(crate) tests: Vec<TestResult>,
    /// What is wrong with the member `tests` itself.
    pub(crate) invalid: Vec<Invalid>,
    /// Percent of what there is to cover.
    pub(crate) percent: usize,
    /// How much is covered, and how much there is.
    pub(crate) covered: [usize; 2],
    /// Each place that there is to cover.
    pub(crate) coverage: Vec<Unit>,
}

/// A test.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TestResult {
    /// Its name, or its place.
    pub(crate) name: String,
    /// Its path in the configuration.
    pub(crate) path: String,
    /// Its place in the text.
    pub(crate) place: Option<Place>,
    /// What does not hold; none if it passes.
    pub(crate) failures: Vec<Failed>,
}

/// A promise that does not hold.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Failed {
    /// What was expected, and what came.
    pub(crate) what: String,
    /// The decision.
    pub(crate) decision: Decision,
}

/// What is wrong with a test.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Invalid {
    /// Its path in the configuration.
    pub(crate) path: String,
    /// What is wrong, and what to write.
    pub(crate) message: String,
    /// Its place in the text.
    pub(crate) place: Option<Place>,
}

/// Something that tests can reach.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Unit {
    /// Its place in the text.
    pub(crate) place: Option<Place>,
    /// What it is.
    pub(crate) name: String,
    /// What has not happened there; absent if it is covered.
    pub(crate) missing: Option<&'static str>,
}

/// Runs the tests of a document.
#[must_use]
pub(crate) fn run(document: &Document, engine: &Engine, places: &Places, now: UnixTime) -> Results {
    let mut coverage = Coverage::of(document, engine);
    let mut results = Results::default();
    let read = match document.tests.as_ref().map(tests::read) {
        None => Vec::new(),
        Some(Ok(read)) => read,
        Some(Err(wrong)) => {
            results.invalid = wrong
                .into_iter()
                .map(|wrong| Invalid {
                    place: places.of(&wrong.path),
                    path: wrong.path,
                    message: wrong.message,
                })
                .collect();
            Vec::new()
        }
    };
    let mut seen = |case: &Case| coverage.add(case);
    let summary = tests::run_and_see(&read, engine, now, &mut seen);
    results.requests = summary.requests;
    results.tests = read
        .iter()
        .map(|test| TestResult {
            name: test.name.clone(),
            path: test.path.clone(),
            place: places.of(&test.path),
            failures: summary
                .failures
                .iter()
                .filter(|failure| failure.path == test.path)
                .map(|failure| Failed {
                    what: failure.what.clone(),
                    decision: decision::shown(&failure.case, engine, places, Signature::None),
                })
                .collect(),
        })
        .collect();
    results.percent = coverage.percent();
    results.covered = coverage.count().into();
    let unit = |place: &str, missing| Unit {
        place: places.of(&path_of(place)),
        name: place.to_owned(),
        missing,
    };
    let covered = coverage.covered().map(|place| unit(place, None));
    let missing = coverage
        .missing()
        .map(|(place, what)| unit(place, Some(what)));
    results.coverage = covered.chain(missing).collect();
    results.coverage.sort();
    results
}

/// The path of what coverage names: a pattern, a pattern and a rule of it, or a validation.
fn path_of(unit: &str) -> String {
    if unit.starts_with("bearer.oidc[") {
        format!("http.auth.{unit}")
    } else if unit.starts_with("adminPolicy") {
        path::of_rule(None, unit)
    } else if let Some((pattern, rule)) = unit.rsplit_once(' ') {
        path::of_rule(Some(pattern), rule)
    } else {
        path::of_pattern(unit)
    }
}
