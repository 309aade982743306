//! Checks that all scenario files have the same format: a value is on one line if it fits there, or
//! else each of its members does.

mod json;

use std::fs;

use anyhow::{Context as _, Result, ensure};
use registry_auth_cases::Outcome;
use registry_auth_harness::hosts;
use registry_auth_harness::module::workspace;
use registry_auth_harness::scenario;

/// Set, it has the files written instead of compared.
const RENEW: &str = "REGISTRY_AUTH_RENEW";
const TEST: &str = "cargo test -p registry-auth-suite-native formatting";
/// The scenarios that are elsewhere.
const GENERATED: &str = "tests/suite/wasm/src/generated.json";

#[test]
fn the_files_of_scenarios_are_written_in_one_style() -> Outcome {
    let mut others = Vec::new();
    let mut paths = [GENERATED, hosts::ROWS]
        .map(|file| workspace().join(file))
        .to_vec();
    for entry in fs::read_dir(scenario::folder()).context("no scenarios")? {
        paths.push(entry.context("no scenarios")?.path());
    }
    for path in paths {
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let styled = json::styled(&text).with_context(|| path.display().to_string())?;
        if styled == text {
            continue;
        }
        if std::env::var_os(RENEW).is_some() {
            fs::write(&path, styled).with_context(|| path.display().to_string())?;
        } else {
            others.push(path.display().to_string());
        }
    }
    Ok(check(&others)?)
}

fn check(others: &[String]) -> Result<()> {
    ensure!(
        others.is_empty(),
        "{} are in another style; `{RENEW}=1 {TEST}` rewrites them",
        others.join(", ")
    );
    Ok(())
}
