//! The verifier of Envoy agrees with the engine's on every signature of project Wycheproof.

use std::cell::RefCell;
use std::fs;
use std::time::Duration;

use anyhow::Context as _;
use registry_auth_cases::Outcome;
use registry_auth_cases::probe::{self, HostVerifier};
use registry_auth_cases::signatures::compare_host;
use registry_auth_harness::client::{Connection, Request};
use registry_auth_harness::envoy::{Bootstrap, Envoy, Listener};
use tempfile::TempDir;

#[test]
fn the_host_agrees_with_the_engine_envoy() -> Outcome {
    let folder = TempDir::new().context("no folder")?;
    let module = folder.path().join("probe.wasm");
    fs::write(&module, probe::module()).context("no module")?;
    let listener = Listener {
        name: "probe".to_owned(),
        configuration: String::new(),
        vm_id: "probe".to_owned(),
        ..Listener::default()
    };
    let envoy = Envoy::start(&Bootstrap {
        module,
        listeners: vec![listener],
        ..Bootstrap::default()
    })?;
    let connection = RefCell::new(Connection::open(
        envoy.listener("probe")?,
        Duration::from_secs(20),
    )?);
    Ok(compare_host(HostVerifier::new(|request: &Request| {
        connection.borrow_mut().send(request)
    }))?)
}
