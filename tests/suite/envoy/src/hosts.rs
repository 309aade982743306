//! The rows of `tests/hosts` on several versions of Envoy. `cargo xtask hosts` installs and runs all
//! of them, other runs the oldest and the newest.

use std::process::Command;

use anyhow::{Result, ensure};
use registry_auth_cases::Outcome;
use registry_auth_harness::envoy::{self, Bootstrap, Listener};
use registry_auth_harness::real::RealEnvoy;
use registry_auth_harness::{hosts, module};
use serde_json::json;
use tempfile::TempDir;

/// The oldest that is supported, and the one of all other tests.
const ENDS: [&str; 2] = ["1.36.4", "1.40.0"];
const BETWEEN: [&str; 3] = ["1.37.0", "1.38.2", "1.39.3"];
/// These do not hand the client's certificate to the filter.
const WITHOUT_CERTIFICATE: [&str; 2] = ["1.36.4", "1.37.0"];

fn measure(versions: &[&str]) -> Result<()> {
    let sets = hosts::sets()?;
    for version in versions {
        let mut substrate = RealEnvoy::of_program(envoy::of_version(version)?, module::path()?)?;
        let (measured, texts) = hosts::measure(&format!("Envoy {version}"), &mut substrate, &sets)?;
        hosts::record(&measured, &texts)?;
    }
    Ok(())
}

#[test]
fn rows_of_hosts_on_the_oldest_and_the_newest_envoy() -> Outcome {
    Ok(measure(&ENDS)?)
}

#[test]
#[ignore = "`cargo xtask hosts` installs what it needs and runs it"]
fn rows_of_hosts_on_the_versions_between() -> Outcome {
    Ok(measure(&BETWEEN)?)
}

/// What an Envoy says to a configuration that needs the whole certificate.
fn refusal(version: &str) -> Result<(bool, String)> {
    let document = json!({"http": {"auth": {"mtls": {"identityAttributes": ["Email"]}}}});
    let bootstrap = Bootstrap {
        module: module::path()?,
        listeners: vec![Listener {
            name: "main".to_owned(),
            configuration: document.to_string(),
            secured: true,
            ..Listener::default()
        }],
        ..Bootstrap::default()
    };
    let folder = TempDir::with_prefix("registry-auth-hosts-")?;
    let file = folder.path().join("envoy.json");
    std::fs::write(&file, bootstrap.to_json()?.to_string())?;
    let output = Command::new(envoy::of_version(version)?)
        .args(["--mode", "validate", "--use-dynamic-base-id", "-c"])
        .arg(&file)
        .output()?;
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((output.status.success(), log))
}

fn check_refusals(versions: &[&str]) -> Result<()> {
    for version in versions {
        let (started, log) = refusal(version)?;
        let says = log.contains("Envoy 1.38 or newer hands to the filter; this is Envoy 1.3");
        let lacks = WITHOUT_CERTIFICATE.contains(version);
        ensure!(started != lacks && says == lacks, "{version}: {log}");
    }
    Ok(())
}

#[test]
fn what_needs_the_whole_certificate_starts_only_where_it_is_handed_over() -> Outcome {
    Ok(check_refusals(&ENDS)?)
}

#[test]
#[ignore = "`cargo xtask hosts` installs what it needs and runs it"]
fn what_needs_the_whole_certificate_on_the_versions_between() -> Outcome {
    Ok(check_refusals(&BETWEEN)?)
}
