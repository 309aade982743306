//! Signals, ends, and an Envoy that dies.

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::client::Request;
use registry_auth_harness::issuer::Issuer;
use registry_auth_harness::substrate::now;
use registry_auth_harness::upstream::Upstream;
use serde_json::{Map, Value, json};

use super::fixture::{Run, Setup, is_alive, open, signal};

fn start(document: &Value, upstream: &Upstream) -> Result<Run> {
    Run::start(&Setup {
        document,
        upstream: upstream.address(),
        arguments: &[],
        environment: &[],
    })
}

/// The rows: a signal, the exit status, and whether the private folder is gone.
#[test]
fn with_run_ends_envoy() -> Result<()> {
    let rows = [
        ("TERM", Some(0), true),
        ("INT", Some(0), true),
        ("KILL", None, false),
    ];
    for (name, code, is_clean) in rows {
        let upstream = Upstream::start()?;
        let mut run = start(&open(&["read"]), &upstream)?;
        let envoy = run.envoy()?;
        ensure!(is_alive(envoy), "{name}: Envoy does not run");
        ensure!(run.private_folders()? == 1, "{name}: no private folder");
        run.signal(name)?;
        let status = run.ended()?;
        ensure!(status.code() == code, "{name}: {status}");
        // The system ends it a moment after its parent.
        let deadline = std::time::Instant::now() + super::fixture::PATIENCE;
        while is_alive(envoy) && std::time::Instant::now() < deadline {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        ensure!(!is_alive(envoy), "{name}: Envoy still runs");
        ensure!(
            (run.private_folders()? == 0) == is_clean,
            "{name}: the private folder"
        );
        run.log().lines()?;
    }
    Ok(())
}

#[test]
fn an_envoy_that_dies_is_started_again_and_gets_its_keys() -> Result<()> {
    let upstream = Upstream::start()?;
    let (issuer, server) = Issuer::on_loopback(&["rs256"])?;
    let document = json!({
        "http": {
            "address": "127.0.0.1",
            "port": "0",
            "auth": {"bearer": {"oidc": [
                {"issuer": issuer.url(), "audiences": ["registry"], "keySource": "push"}
            ]}},
            "accessControl": {"repositories": {"**": {"defaultPolicy": ["read"]}}},
        },
    });
    let mut run = start(&document, &upstream)?;
    run.is_ready()?;
    let claims: Map<String, Value> = serde_json::from_value(
        json!({"sub": "reader", "aud": "registry", "iat": "-1s", "exp": "+1h"}),
    )?;
    let token = issuer.token("rs256", claims, now())?;
    let request = Request::new("GET", "/v2/team/app/tags/list")
        .header("authorization", &format!("Bearer {token}"));
    run.comes_to(200, &request)?;

    // Without its issuer: the keys are those that the shim has.
    drop(server);
    for times in 1..=2 {
        let envoy = run.envoy()?;
        signal(envoy, "KILL")?;
        run.says("Envoy has ended", times)?;
        let (status, reasons) = run.readiness()?;
        let reason = reasons.first().context("ready without Envoy")?;
        ensure!(
            status == 503 && reason.starts_with("envoy: it ended with signal: 9"),
            "{status} {reasons:?}"
        );
        run.is_ready()?;
        ensure!(run.envoy()? != envoy, "the same Envoy");
        run.comes_to(200, &request)?;
    }
    let metrics = String::from_utf8(run.page("/metrics")?.body)?;
    ensure!(
        metrics.contains("registry_auth_run_envoy_starts_total 3\n"),
        "{metrics}"
    );
    Ok(())
}
