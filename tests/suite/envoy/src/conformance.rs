//! The conformance suite of the OCI distribution spec: every result through the filter is that of
//! the registry alone.
//!
//! The registry fails some tests by itself (it has no referrers, and stores no sha512), so the
//! result of each test and its reason are compared.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::callers::service_account;
use registry_auth_harness::distribution;
use registry_auth_harness::front::{Front, Realm};
use registry_auth_harness::program::tool;
use tempfile::TempDir;

use crate::Outcome;

/// Everything of the released spec, and what has come since.
const VERSION: &str = "dev";
/// With fewer tests, the suite has ended early.
const LEAST: usize = 800;
/// Alphanumeric runs of this length are digests and other random values.
const RANDOM: usize = 20;

/// Number of times that each test gave the same result.
type Report = BTreeMap<String, usize>;

#[test]
fn conformance_through_envoy_is_that_of_the_registry_alone() -> Outcome {
    let folder = TempDir::with_prefix("registry-auth-conformance-").map_err(anyhow::Error::from)?;
    let (registry, address) = distribution::start(folder.path())?;
    let alone = report(address, "", folder.path()).with_context(|| registry.log())?;
    let token = service_account("registry", "admin", "+1h")?;
    for realm in Realm::TRIED {
        let front = Front::start(*realm)?;
        let behind =
            report(front.address(), &token, front.folder()).with_context(|| front.logs())?;
        compare(&alone, &behind).with_context(|| format!("with bearer.realm as {realm:?}"))?;
    }
    Ok(())
}

/// Runs the suite; a token is the password.
fn report(registry: SocketAddr, token: &str, folder: &Path) -> Result<Report> {
    let results = folder.join("results");
    let log = File::create(folder.join("conformance.log"))?;
    let user = if token.is_empty() { "" } else { "token" };
    // The exit status is 0 only if the registry conforms; the report shows that the suite ran to
    // its end.
    Command::new(tool("bin/conformance"))
        .env_clear()
        .envs([
            ("OCI_TLS", "disabled"),
            ("OCI_VERSION", VERSION),
            ("OCI_USERNAME", user),
            ("OCI_PASSWORD", token),
        ])
        .env("OCI_REGISTRY", registry.to_string())
        .env("OCI_RESULTS_DIR", &results)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .status()
        .context("the conformance suite cannot be started: run `cargo xtask tools`")?;
    let text = fs::read_to_string(results.join("junit.xml"))
        .context("the conformance suite left no report")?;
    let report = read(&text);
    let tests: usize = report.values().sum();
    ensure!(
        tests >= LEAST,
        "the conformance suite made only {tests} tests"
    );
    Ok(report)
}

/// Reads a `JUnit` report: `<testcase name="..." status="...">`, then the errors in `<system-out>`.
fn read(junit: &str) -> Report {
    let mut report = Report::new();
    for case in junit.split("<testcase ").skip(1) {
        let attribute = |name: &str| {
            let (_, rest) = case.split_once(&format!("{name}=\""))?;
            rest.split('"').next()
        };
        let output = case.split_once("<system-out>").map_or("", |(_, rest)| rest);
        let output = output
            .split("</system-out>")
            .next()
            .unwrap_or_default()
            .replace("&#34;", "\"");
        // Errors of parallel steps come in any order, and end with the JSON that they are about.
        let mut reasons: Vec<_> = output
            .split("&#xA;")
            .map(|line| stable(line.split('{').next().unwrap_or_default()))
            .collect();
        reasons.sort();
        let [name, status] = ["name", "status"].map(|name| attribute(name).unwrap_or_default());
        *report
            .entry(format!("{status}: {name}: {}", reasons.join("; ")))
            .or_default() += 1;
    }
    report
}

/// Returns the text without what changes from run to run.
fn stable(text: &str) -> String {
    let words = text.split_inclusive(|character: char| !character.is_ascii_alphanumeric());
    let stable = |word: &str| {
        let run = word.trim_end_matches(|character: char| !character.is_ascii_alphanumeric());
        if run.len() < RANDOM {
            word.to_owned()
        } else {
            word.replace(run, "...")
        }
    };
    words.map(stable).collect()
}

fn compare(alone: &Report, behind: &Report) -> Result<()> {
    let beyond = |left: &Report, right: &Report, sign: &str| {
        let more = left
            .iter()
            .filter(|(test, count)| right.get(*test).unwrap_or(&0) < *count);
        more.map(|(test, _)| format!("{sign} {test}"))
            .collect::<Vec<_>>()
    };
    let differences = [beyond(alone, behind, "-"), beyond(behind, alone, "+")]
        .concat()
        .join("\n");
    ensure!(
        differences.is_empty(),
        "conformance: - of the registry alone, + through the filter\n{differences}"
    );
    Ok(())
}

#[test]
fn a_report_keeps_what_two_runs_have_in_common() {
    let digest = "0123456789abcdef".repeat(4);
    let report = format!(
        "<testsuites><testcase name=\"push\" classname=\"\" status=\"failure\">\n<system-out>sizes differ&#xA;\
         missing sha256:{digest}, received {{&#34;errors&#34;: []}}</system-out></testcase>\n\
         <testcase name=\"pull\" classname=\"\" status=\"passed\"></testcase>\
         <testcase name=\"pull\" classname=\"\" status=\"passed\"></testcase></testsuites>"
    );
    let expected = [
        (
            "failure: push: missing sha256:..., received ; sizes differ",
            1,
        ),
        ("passed: pull: ", 2),
    ];
    let expected = expected.map(|(test, count)| (test.to_owned(), count));
    assert_eq!(read(&report), Report::from(expected));
}
