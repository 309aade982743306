//! What `explain` says is what the module does in the real Envoy, and what the command prints.

use std::fs;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use registry_auth_cases::Outcome;
use registry_auth_cases::explained::{Explained, Row, World, reasons, worlds};
use registry_auth_harness::key;
use registry_auth_harness::module;
use registry_auth_harness::real::RealEnvoy;
use registry_auth_harness::substrate::{Substrate as _, now};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Policies, each at a listener of its own, and requests of each.
const POLICIES: usize = 24;
const REQUESTS: usize = 12;
/// How many policies the command explains one request of.
const EXPLAINED: usize = 24;

#[test]
fn what_is_explained_of_random_requests_is_what_envoy_does() -> Outcome {
    let worlds = worlds(29, POLICIES, REQUESTS, now())?;
    let mut envoy = RealEnvoy::new(module::path()?)?;
    let mut numbers = Vec::new();
    for world in &worlds {
        numbers.push(envoy.serve(&world.config)?);
    }
    envoy.start()?;
    let mut outcomes = Vec::new();
    for (world, number) in worlds.iter().zip(numbers) {
        for row in &world.rows {
            outcomes.push((row, envoy.send(number, &row.request)?));
        }
    }
    // One request after another: their lines are in the same order.
    let log = envoy.envoy()?.log();
    let mut reasons = reasons(log.lines()).into_iter();
    // Envoy shows no lines of the level debug, which a request for a credential has.
    let asked = Explained::Refused(401, "no_credential".to_owned());
    for (row, outcome) in &outcomes {
        let reason = if row.is_refused() && row.explained != asked {
            reasons.next()
        } else {
            None
        };
        row.check(outcome, reason.as_deref())?;
    }
    assert_eq!(reasons.next(), None, "more was refused than explained");
    Ok(())
}

#[test]
fn the_command_says_the_same_and_prints_no_part_of_a_token() -> Outcome {
    let folder = TempDir::with_prefix("registry-auth-explained-").map_err(anyhow::Error::from)?;
    for world in worlds(29, EXPLAINED, REQUESTS, now())? {
        // The catalog of a registry that is not asked is another, and what is no token is bad input.
        let malformed = Explained::Refused(401, "malformed_token".to_owned());
        let fits = |row: &&Row| {
            let is_catalog = row.words.contains("_catalog");
            row.token.is_some() && !is_catalog && row.explained != malformed
        };
        let with_token = world.rows.iter().find(fits);
        let row = with_token.context("no token")?;
        command_says(&world, row, folder.path())?;
    }
    Ok(())
}

fn command_says(world: &World, row: &Row, folder: &std::path::Path) -> Result<()> {
    let mut plugin = world.config.plugin.clone();
    // What asks the registry is the business of the proxy.
    plugin.as_object_mut().context("no object")?.remove("proxy");
    let token = row.token.as_deref().context("no token")?;
    fs::write(folder.join("policy.json"), plugin.to_string())?;
    fs::write(folder.join("token"), token)?;
    fs::write(folder.join("jwks.json"), key::jwks(&["es256"])?.to_string())?;
    let mut command = Command::new(module::shim()?);
    command.current_dir(folder).args([
        "explain",
        "--json",
        "--config",
        "policy.json",
        "--token-file",
        "token",
        "--jwks",
        "jwks.json",
    ]);
    if let Some(exists) = row.tag_exists {
        command.args(["--tag-exists", if exists { "yes" } else { "no" }]);
    }
    let output = command.args(row.words.split(' ')).output()?;
    let printed = String::from_utf8(output.stdout)? + &String::from_utf8(output.stderr)?;
    let said: Value = serde_json::from_str(&printed).with_context(|| printed.clone())?;
    let code = output.status.code();
    let has = |name: &str, value: &Value| said.get(name) == Some(value);
    match &row.explained {
        Explained::Refused(status, reason) => ensure!(
            code == Some(3) && has("status", &json!(status)) && has("reason", &json!(reason)),
            "{}: {status} {reason}, not {printed}",
            row.words
        ),
        Explained::Allowed | Explained::Answered => {
            ensure!(
                code == Some(0) && has("granted", &json!(true)),
                "{}: {printed}",
                row.words
            );
        }
    }
    for part in token.split('.').filter(|part| part.len() >= 8) {
        ensure!(!printed.contains(part), "{printed}");
    }
    Ok(())
}
