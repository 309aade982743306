//! The main job: a zot file, a registry and an issuer; a client pushes and pulls with its token.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Result, ensure};
use registry_auth_harness::callers::log_in;
use registry_auth_harness::issuer::Issuer;
use registry_auth_harness::program::tool;
use registry_auth_harness::substrate::now;
use registry_auth_harness::{distribution, module};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::fixture::{Run, Setup, command};

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
