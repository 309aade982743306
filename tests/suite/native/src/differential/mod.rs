//! The engine against the naive evaluator of `reference`, on configurations and requests that are
//! made up.
//!
//! Each seed is printed; `REGISTRY_AUTH_SEED` repeats it, `REGISTRY_AUTH_CASES` asks for more
//! requests than CI does.

mod cases;
mod subject;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::SystemTime;

use anyhow::Error;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use registry_auth_cases::reference::{Expected, Refusal};

use crate::Outcome;
use cases::{Case, REQUESTS};
use subject::{Became, Subject};

const CASES: u32 = 60_000;
const FIXED: u64 = 1;
/// Each kind of outcome must be at least one in this number.
const RAREST: u32 = 500;

type Counts = BTreeMap<&'static str, u32>;

/// Compares every request of a case; counts what came of them.
fn compare(case: &Case, counts: &mut Counts) -> Result<(), Error> {
    let Some(mut subject) = Subject::compile(&case.world)? else {
        *counts.entry("over a limit").or_default() += 1;
        return Ok(());
    };
    for (caller, ask) in &case.requests {
        let expected = case.world.expects(caller, ask);
        let (became, asked) = subject.decide(&case.world, caller, ask)?;
        let agrees = match (&expected, &became) {
            (Expected::Forwarded(wanted), Became::Forwarded(target)) => wanted == target,
            (Expected::Listed(wanted), Became::Listed(names)) => wanted == names,
            (Expected::Refused(reasons), Became::Refused(reason)) => reasons.contains(reason),
            _ => false,
        };
        let told = || {
            format!(
                "{caller:?} {:?}: expected {expected:?}, became {became:?}",
                ask.line()
            )
        };
        anyhow::ensure!(agrees, told());
        let may_ask = case.world.may_ask(caller, ask);
        anyhow::ensure!(
            asked.is_subset(&may_ask),
            "{}; asked for {asked:?}, not only {may_ask:?}",
            told()
        );
        *counts.entry(kind(&became)).or_default() += 1;
        *counts.entry("asked upstream").or_default() += u32::from(!asked.is_empty());
    }
    Ok(())
}

const fn kind(became: &Became) -> &'static str {
    match became {
        Became::Forwarded(_) => "forwarded",
        Became::Listed(names) if names.is_empty() => "listed nothing",
        Became::Listed(_) => "listed",
        Became::Refused(Refusal::NoCredential) => "no credential",
        Became::Refused(Refusal::InsufficientScope) => "insufficient scope",
        Became::Refused(Refusal::Denied(None)) => "denied",
        Became::Refused(Refusal::Denied(Some(_))) => "denied with a message",
    }
}

fn run(requests: u32, seed: u64) -> Result<Counts, Error> {
    eprintln!("REGISTRY_AUTH_SEED={seed}");
    let counts = RefCell::new(Counts::new());
    let config = Config {
        cases: requests.div_ceil(REQUESTS),
        failure_persistence: None,
        ..Config::default()
    };
    let bytes = [seed.to_le_bytes(), [0; 8], [0; 8], [0; 8]].concat();
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let outcome = runner.run(&cases::case(), |case| {
        compare(&case, &mut counts.borrow_mut())
            .map_err(|error| TestCaseError::fail(format!("{error:#}")))
    });
    outcome.map_err(|error| Error::msg(error.to_string()))?;
    Ok(counts.into_inner())
}

fn number(variable: &str) -> Result<Option<u64>, Error> {
    std::env::var(variable)
        .ok()
        .map(|text| text.parse().map_err(Error::from))
        .transpose()
}

#[test]
fn the_engine_decides_as_the_naive_evaluator_does() -> Outcome {
    let requests = number("REGISTRY_AUTH_CASES")?
        .map_or(CASES, |number| u32::try_from(number).unwrap_or(u32::MAX));
    let counts = run(requests, FIXED)?;
    eprintln!("{counts:?}");
    let kinds = counts
        .iter()
        .filter(|(kind, count)| **kind != "over a limit" && **count >= requests / RAREST)
        .count();
    assert_eq!(kinds, 8, "the cases have lost their mixture: {counts:?}");
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_err(Error::from)?;
    eprintln!(
        "{:?}",
        run(
            requests,
            number("REGISTRY_AUTH_SEED")?.unwrap_or(now.as_secs())
        )?
    );
    Ok(())
}
