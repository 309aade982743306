//! The main job: a zot file, a registry and an issuer; a client pushes and pulls with its token.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Result, ensure};
use registry_auth_harness::callers::log_in;
use registry_auth_harness::client::Request;
use registry_auth_harness::issuer::Issuer;
use registry_auth_harness::program::tool;
use registry_auth_harness::substrate::now;
use registry_auth_harness::upstream::Upstream;
use registry_auth_harness::{distribution, module};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::fixture::{Run, Setup, command, open};

fn crane(login: &Path, arguments: &[&str]) -> Result<Output> {
    Ok(Command::new(tool("bin/crane"))
        .args(arguments)
        .env("DOCKER_CONFIG", login)
        .output()?)
}

/// The keys of the issuer are asked for by the filter, or pushed.
#[test]
fn a_client_pushes_and_pulls_with_its_token() -> Result<()> {
    for source in ["callout", "push"] {
        let folder = TempDir::with_prefix("ra-registry-")?;
        let (_registry, upstream) = distribution::start(folder.path())?;
        let (issuer, _server) = Issuer::on_loopback(&["rs256"])?;
        let document = json!({
            "distSpecVersion": "1.1.1",
            "storage": {"rootDirectory": "/tmp/zot"},
            "http": {
                "address": "127.0.0.1",
                "port": "0",
                "auth": {"bearer": {"realm": "zot", "service": "zot", "oidc": [{
                    "issuer": issuer.url(),
                    "audiences": ["zot"],
                    "keySource": source,
                    "claimMapping": {"username": "claims.sub"},
                }]}},
                "accessControl": {"repositories": {"team/**": {
                    "policies": [{"users": ["ci"], "actions": ["read", "create", "update"]}],
                }}},
            },
        });
        let mut run = Run::start(&Setup {
            document: &document,
            upstream,
            arguments: &[],
            environment: &[],
        })?;
        run.is_ready()?;
        let address = run.address()?;
        let login = |name: &str| -> Result<std::path::PathBuf> {
            let claims: Map<String, Value> = serde_json::from_value(
                json!({"sub": name, "aud": "zot", "iat": "-1s", "exp": "+1h"}),
            )?;
            let token = issuer.token("rs256", claims, now())?;
            let folder = folder.path().join(name);
            log_in(&folder, address, Some(&token))?;
            Ok(folder)
        };
        let (ci, other) = (login("ci")?, login("other")?);
        let layer = folder.path().join("layer.tar");
        std::fs::write(&layer, [0; 1024])?;
        let image = format!("{address}/team/app:1");
        let layer = layer.display().to_string();
        let rows = [
            (&other, vec!["append", "-f", &layer, "-t", &image], false),
            (&ci, vec!["append", "-f", &layer, "-t", &image], true),
            (&ci, vec!["manifest", &image], true),
            (&other, vec!["manifest", &image], false),
        ];
        for (login, arguments, succeeds) in rows {
            let output = crane(login, &arguments)?;
            ensure!(
                output.status.success() == succeeds,
                "{source}: {arguments:?}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
        run.says("2", 1)?;
        let requests = run.log().lines()?;
        let requests = requests
            .iter()
            .filter(|line| line.get("target").is_some_and(|target| target == "access"));
        ensure!(requests.count() > 0, "no request is in the log");
    }
    Ok(())
}

#[test]
fn the_program_holds_the_module() -> Result<()> {
    let folder = TempDir::with_prefix("ra-module-")?;
    let output = command(folder.path())?.arg("module").output()?;
    let built = std::fs::read(module::path()?)?;
    ensure!(
        output.status.success() && output.stdout == built,
        "another module, of {} bytes: run `cargo xtask build`; {}",
        output.stdout.len(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// The key set of an issuer that a change adds is fetched, and no longer once another removes it.
#[test]
fn key_sets_come_and_go_with_the_configuration() -> Result<()> {
    let upstream = Upstream::start()?;
    let (issuer, _server) = Issuer::on_loopback(&["rs256"])?;
    let mut run = Run::start(&Setup {
        document: &open(&["read"]),
        upstream: upstream.address(),
        arguments: &[],
        environment: &[],
    })?;
    let with = json!({"http": {
        "address": "127.0.0.1",
        "port": "0",
        "auth": {"bearer": {"oidc": [
            {"issuer": issuer.url(), "audiences": ["zot"], "keySource": "push"}
        ]}},
        "accessControl": {"repositories": {"**": {"defaultPolicy": ["read"]}}},
    }});
    run.replace(&with)?;
    run.is_live(2)?;
    let claims: Map<String, Value> =
        serde_json::from_value(json!({"sub": "a", "aud": "zot", "iat": "-1s", "exp": "+1h"}))?;
    let token = issuer.token("rs256", claims, now())?;
    let request =
        Request::new("GET", "/v2/a/tags/list").header("authorization", &format!("Bearer {token}"));
    run.comes_to(200, &request)?;
    run.is_ready()?;
    let sample = format!(
        "registry_auth_shim_source_keys{{set=\"oidc:{}\"}} 1\n",
        issuer.url()
    );
    let metrics =
        |run: &Run| -> Result<String> { Ok(String::from_utf8(run.page("/metrics")?.body)?) };
    ensure!(metrics(&run)?.contains(&sample), "no `{sample}`");

    // A change of something else leaves the tasks of the set alone.
    let mut other = with.clone();
    if let Some(actions) = other.pointer_mut("/http/accessControl/repositories/**/defaultPolicy") {
        *actions = json!(["read", "create"]);
    }
    run.replace(&other)?;
    run.is_live(3)?;
    run.comes_to(200, &request)?;
    let started = run.log().with("started to fetch keys")?;
    ensure!(started.len() == 1, "the set was started again: {started:?}");

    run.replace(&open(&["read"]))?;
    run.is_live(4)?;
    run.says("stopped to fetch keys", 1)?;
    run.is_ready()?;
    ensure!(!metrics(&run)?.contains("oidc:"), "the set is still there");
    Ok(())
}
