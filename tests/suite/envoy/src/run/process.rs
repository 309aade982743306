//! Signals, ends, and an Envoy that dies.

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::client::{self, Connection, Request};
use registry_auth_harness::issuer::Issuer;
use registry_auth_harness::substrate::now;
use registry_auth_harness::upstream::Upstream;
use serde_json::{Map, Value, json};

use super::fixture::{PATIENCE, Run, Setup, is_alive, open, signal};

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
        let deadline = std::time::Instant::now() + PATIENCE;
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

/// What a killed process leaves goes with the next start below the same folder for temporary files.
#[test]
fn the_next_start_removes_what_a_killed_one_left() -> Result<()> {
    let upstream = Upstream::start()?;
    let mut killed = start(&open(&["read"]), &upstream)?;
    let left = killed.private_folder()?;
    killed.signal("KILL")?;
    killed.ended()?;
    ensure!(left.exists(), "it is gone already");
    let place = killed.path("").display().to_string();
    let next = Run::start(&Setup {
        document: &open(&["read"]),
        upstream: upstream.address(),
        arguments: &[],
        environment: &[("TMPDIR", &place)],
    })?;
    ensure!(!left.exists(), "it is still there");
    next.log().lines()?;
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

/// An upload that has begun ends well, while no new connection is accepted.
#[test]
fn a_request_in_progress_ends_before_run_does() -> Result<()> {
    let upstream = Upstream::start()?;
    let mut run = start(&open(&["read", "create"]), &upstream)?;
    let address = run.address()?;
    let mut upload = Connection::open(address, PATIENCE)?;
    let head =
        "POST /v2/team/app/blobs/uploads/ HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\nab";
    upload.write(head.as_bytes())?;
    let active = "envoy_http_downstream_rq_active{envoy_http_conn_manager_prefix=\"registry\"} 1\n";
    let pages = run.pages();
    run.until("the upload is in progress", || {
        let answer = client::send(pages, &Request::new("GET", "/metrics"), PATIENCE)?;
        Ok(String::from_utf8_lossy(&answer.body).contains(active))
    })?;
    run.signal("TERM")?;
    run.says("shutting down", 1)?;
    run.until("no new connection", || {
        Ok(std::net::TcpStream::connect(address).is_err())
    })?;
    let (status, reasons) = run.readiness()?;
    ensure!(
        status == 503 && reasons == ["run: it is shutting down"],
        "{status} {reasons:?}"
    );
    upload.write(b"cd")?;
    let answer = upload.answer()?;
    ensure!(answer.status < 300, "{}", answer.status);
    let status = run.ended()?;
    ensure!(status.code() == Some(0), "{status}");
    Ok(())
}
