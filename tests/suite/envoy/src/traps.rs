//! A VM that traps: Envoy refuses requests, loads the module again and counts that; requests that
//! waited in the VM are not let through.
//!
//! No request can make the shipped module trap, so the harness adds a trap to a copy of it
//! (`tests/suite/cases/src/trap.rs`).

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use registry_auth_cases::Outcome;
use registry_auth_cases::trap::{self, configuration, good, trapping};
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::envoy::{Bootstrap, Envoy, Listener};
use registry_auth_harness::mint::Recipe;
use registry_auth_harness::module;
use registry_auth_harness::substrate::now;
use registry_auth_harness::upstream::Upstream;
use serde_json::json;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);
/// This number of answers in a row reaches both workers.
const STEADY: usize = 40;
/// Requests that wait in the VMs of both workers.
const PARKED: usize = 8;

/// Envoy with the trap in its module, an upstream, and an issuer that never responds.
struct Fixture {
    envoy: Envoy,
    upstream: Upstream,
    address: SocketAddr,
    // Dropped after Envoy.
    _issuer: TcpListener,
    _folder: TempDir,
}

impl Fixture {
    fn start() -> Result<Self> {
        let folder = TempDir::with_prefix("registry-auth-trap-")?;
        let path = folder.path().join("trap.wasm");
        fs::write(&path, trap::lay(&fs::read(module::path()?)?)?)?;
        let upstream = Upstream::start()?;
        let issuer = TcpListener::bind("127.0.0.1:0")?;
        let envoy = Envoy::start(&Bootstrap {
            module: path,
            listeners: vec![Listener {
                name: "main".to_owned(),
                configuration: configuration().to_string(),
                vm_id: "traps".to_owned(),
                cluster: Some("upstream".to_owned()),
                ..Listener::default()
            }],
            clusters: vec![
                ("upstream".to_owned(), upstream.address()),
                ("issuers".to_owned(), issuer.local_addr()?),
            ],
            environment: Vec::new(),
        })?;
        let address = envoy.listener("main")?;
        Ok(Self {
            envoy,
            upstream,
            address,
            _issuer: issuer,
            _folder: folder,
        })
    }

    fn status(&self, request: &Request) -> Result<u16> {
        Ok(client::send(self.address, request, PATIENCE)?.status)
    }

    fn stat(&self, name: &str) -> Result<u64> {
        self.envoy
            .stat(name)?
            .with_context(|| format!("envoy does not count `{name}`"))
    }

    /// Opens a request that waits for the issuer.
    fn park(&self) -> Result<TcpStream> {
        let claims = json!({ "iss": "http://issuer.test", "sub": "ci", "aud": "registry", "exp": "+8h", "iat": "-8h" });
        let recipe: Recipe = serde_json::from_value(json!({ "key": "es256", "claims": claims }))?;
        let mut socket = TcpStream::connect(self.address)?;
        let head = "GET /v2/private/app/tags/list HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ";
        socket.write_all(format!("{head}{}\r\n\r\n", recipe.mint(now())?).as_bytes())?;
        Ok(socket)
    }
}

#[test]
fn a_vm_that_traps_in_envoy_refuses_and_is_loaded_again() -> Outcome {
    let fixture = Fixture::start()?;
    let mut served = 0;
    for _ in 0..STEADY {
        assert_eq!(fixture.status(&good())?, 200);
        served += 1;
    }
    assert_eq!(fixture.stat("wasm.main.vm_reload_success")?, 0);
    let parked = (0..PARKED)
        .map(|_| fixture.park())
        .collect::<Result<Vec<_>>>()?;
    until(|| Ok(fixture.stat("http.main.downstream_rq_active")? == u64::try_from(PARKED)?))?;

    assert_eq!(fixture.status(&trapping())?, 503);
    let deadline = Instant::now() + PATIENCE;
    let mut steady = 0;
    while steady < STEADY || fixture.stat("wasm.main.vm_reload_success")? == 0 {
        assert!(
            Instant::now() < deadline,
            "{steady} answers in a row; the log ends\n{}",
            fixture.envoy.log_tail()
        );
        match fixture.status(&good())? {
            200 => (steady, served) = (steady + 1, served + 1),
            // One worker is without VM until its back-off has ended.
            503 => steady = 0,
            other => panic!("{other}"),
        }
    }
    assert_eq!(fixture.stat("wasm.main.vm_reload_failure")?, 0);
    // Envoy does not notify a failed VM, so what waited in it ends with the stream's idle timeout
    // or that of the client.
    for socket in parked {
        let answer = status_line(socket)?;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 503"),
            "{answer}"
        );
    }
    assert_eq!(fixture.upstream.requests(), served);
    Ok(())
}

/// The beginning of what is there to be read.
fn status_line(mut socket: TcpStream) -> Result<String> {
    socket.set_nonblocking(true)?;
    let mut bytes = [0; 64];
    let size = socket.read(&mut bytes).unwrap_or_default();
    Ok(String::from_utf8_lossy(bytes.get(..size).unwrap_or_default()).into_owned())
}

fn until(reached: impl Fn() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !reached()? {
        ensure!(Instant::now() < deadline, "not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
