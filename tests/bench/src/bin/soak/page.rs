//! Writes `docs/soak.md`, the result of the last run.

use std::fs;

use anyhow::{Context as _, Result};
use registry_auth_harness::machine::Machine;
use registry_auth_harness::module;

use crate::fixture::Soaked;

const PAGE: &str = "docs/soak.md";
const ABOUT: &str = "# Soak

`cargo xtask soak --write` sends requests to a real Envoy with two workers for as long as it takes, while the issuer rotates its
keys and the policy changes, checks every answer, samples Envoy's memory each second, and writes this page. It fails at the first
wrong answer (any 5xx is one), and when memory grows by more than a tenth after the first three tenths of the run.
";

/// Returns the text of the page.
///
/// # Errors
/// The version of Envoy or of the compiler cannot be read.
pub(crate) fn text(soaked: &Soaked) -> Result<String> {
    let machine = Machine::this()?;
    let place = format!(
        "{}, {} cores, Linux {}, Envoy {}, {}, commit {}, {}",
        machine.cpu,
        machine.cores,
        machine.kernel,
        machine.envoy,
        machine.rustc,
        machine.commit,
        machine.date
    );
    let sum = &soaked.sum;
    let rows = [
        ("requests", sum.requests.to_string()),
        ("requests per second", format!("{:.0}", sum.rate())),
        ("tokens", soaked.tokens.to_string()),
        ("rotations of the keys", soaked.rotations.to_string()),
        ("fetches of keys", soaked.fetches.to_string()),
        ("changes of the policy", soaked.changes.to_string()),
        ("wrong answers", "0".to_owned()),
    ];
    let rows: Vec<_> = rows
        .iter()
        .map(|(name, value)| format!("| {name} | {value} |"))
        .collect();
    let kinds = soaked.answers.iter().map(|(name, statuses)| {
        let statuses: Vec<_> = statuses
            .iter()
            .map(|(status, count)| format!("{count} × {status}"))
            .collect();
        format!("| {name} | {} |", statuses.join(", "))
    });
    let (rows, kinds) = (rows.join("\n"), kinds.collect::<Vec<_>>().join("\n"));
    let tenths: Vec<_> = soaked
        .memory
        .tenths()
        .iter()
        .map(|sample| (sample / 1024).to_string())
        .collect();
    Ok(format!(
        "{ABOUT}\n{place}\n\n| | |\n|---|---|\n{rows}\n\n| kind of request | answers |\n|---|---|\n{kinds}\n\n\
         Memory of Envoy (`VmRSS`), the most in each tenth of the run, in MiB: {}\n",
        tenths.join(", ")
    ))
}

/// Writes the page.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write(page: &str) -> Result<()> {
    fs::write(module::workspace().join(PAGE), page).context(PAGE)
}
