//! `failDelay`: responses to invalid credentials are delayed, and other requests do not wait for
//! them.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use registry_auth_cases::Outcome;
use registry_auth_cases::delay::configuration;
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::envoy::{Bootstrap, Envoy, Listener};
use registry_auth_harness::module;
use registry_auth_harness::upstream::Upstream;

const PATIENCE: Duration = Duration::from_secs(20);
/// Held on one listener while another request is served on it.
const HELD: usize = 8;

#[test]
fn envoy_serves_others_while_refusals_are_held_and_forgets_clients_that_hang_up() -> Outcome {
    let upstream = Upstream::start()?;
    let listener = |name: &str, fail_delay: u64| Listener {
        name: name.to_owned(),
        configuration: configuration(fail_delay).to_string(),
        vm_id: "delay".to_owned(),
        cluster: Some("upstream".to_owned()),
        ..Listener::default()
    };
    let envoy = Envoy::start(&Bootstrap {
        module: module::path()?,
        listeners: vec![listener("minute", 60), listener("second", 1)],
        clusters: vec![
            ("upstream".to_owned(), upstream.address()),
            ("issuers".to_owned(), upstream.address()),
        ],
        environment: Vec::new(),
    })?;
    let minute = envoy.listener("minute")?;
    let mut held = Vec::new();
    for _ in 0..HELD {
        let mut socket = TcpStream::connect(minute).context("no connection")?;
        socket
            .write_all(
                b"GET /v2/any/tags/list HTTP/1.1\r\nhost: a\r\nauthorization: Bearer a.b.c\r\n\r\n",
            )
            .context("written")?;
        held.push(socket);
    }
    let active = "http.minute.downstream_rq_active";
    until(|| Ok(envoy.stat(active)? == Some(u64::try_from(HELD)?)))?;
    for _ in 0..HELD {
        let served = client::send(
            minute,
            &Request::new("GET", "/v2/public/tags/list"),
            PATIENCE,
        )?;
        assert_eq!(served.status, 200);
    }
    assert_eq!(
        envoy.stat(active)?,
        Some(u64::try_from(HELD).map_err(anyhow::Error::from)?)
    );
    drop(held);
    until(|| Ok(envoy.stat(active)? == Some(0)))?;

    let refused = Request::new("PUT", "/v2/any/manifests/v1")
        .header("authorization", "Bearer a.b.c")
        .body(vec![b'x'; 100_000]);
    let answer = client::send(envoy.listener("second")?, &refused, PATIENCE)?;
    assert_eq!(answer.status, 401);
    assert!(answer.header("www-authenticate").is_some());
    assert_eq!(upstream.requests(), HELD);
    Ok(())
}

fn until(reached: impl Fn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !reached()? {
        ensure!(Instant::now() < deadline, "not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
