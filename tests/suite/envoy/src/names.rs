//! One shim and three real Envoys that it finds by one name, two of which hand over no request
//! bodies to the intake.
//!
//! The shim runs in a mount namespace of its own with another `/etc/hosts`; nothing of the machine
//! changes.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::module;
use registry_auth_harness::program::free_address;
use registry_auth_harness::real::INTAKE;
use registry_auth_harness::server::Port;
use registry_auth_harness::upstream::Upstream;
use serde_json::json;
use tempfile::TempDir;

use crate::Outcome;
use crate::fields::READS_NO_BODIES;
use crate::pushed::{PATIENCE, Proxy, TOKEN, is_ready, issuer, mint, plugin, shim_by};

/// Runs a program with another file in place of /etc/hosts.
const SCRIPT: &str = "mount --bind \"$0\" /etc/hosts && exec \"$@\"";
const NAME: &str = "intakes.test";
/// The last part of the addresses of the intakes.
const HOSTS: [u8; 3] = [11, 12, 13];

/// Writes the file of hosts, in place: it is mounted.
fn publish(file: &Path, hosts: &[u8]) -> Result<()> {
    let lines = hosts.iter().map(|host| format!("127.0.0.{host} {NAME}\n"));
    let text: String = std::iter::once("127.0.0.1 localhost\n".to_owned())
        .chain(lines)
        .collect();
    fs::write(file, text).context("the hosts cannot be written")
}

#[test]
fn three_envoys_of_one_name_get_each_rotation_and_one_that_leaves_it_is_forgotten() -> Outcome {
    let folder = TempDir::with_prefix("registry-auth-names-").context("no folder")?;
    play(folder.path())?;
    Ok(())
}

fn play(folder: &Path) -> Result<()> {
    let (issuer, _server) = issuer(Port::bind()?)?;
    let (token, hosts) = (folder.join("token"), folder.join("hosts"));
    fs::write(&token, TOKEN)?;
    publish(&hosts, &HOSTS)?;
    let plugin = plugin(&issuer, &token);
    let upstream = Upstream::start()?;
    let port = free_address()?.port();
    let mut proxies = Vec::new();
    // (configuration of the intake, without `allow_on_headers_stop_iteration`)
    let kinds = [
        (INTAKE, false),
        (READS_NO_BODIES, true),
        (READS_NO_BODIES, true),
    ];
    for (host, (configuration, holds_bodies)) in HOSTS.into_iter().zip(kinds) {
        let address = format!("127.0.0.{host}");
        let intake = json!({"socket_address": {"address": address, "port_value": port}});
        let mut proxy =
            Proxy::with_intake(&plugin, &intake, configuration, holds_bodies, &upstream)?;
        proxy.start()?;
        proxies.push(proxy);
    }

    // `RESOLV_MULTI`: all addresses of a name in the file.
    let mut command = Command::new("unshare");
    command
        .args(["--map-root-user", "--mount", "sh", "-c", SCRIPT])
        .arg(&hosts)
        .arg(module::shim()?)
        .env("RESOLV_MULTI", "on");
    let name = format!("dns+http://{NAME}:{port}");
    let (mut program, endpoints) = shim_by(command, &plugin, &[name], folder)?;
    program.wait_until(|| is_ready(endpoints))?;
    let (old, new) = (mint(&issuer, "es256")?, mint(&issuer, "next-es256")?);
    for proxy in &proxies {
        proxy.comes_to(200, &old)?;
    }

    // The first token with the new key brings it, everywhere.
    issuer.rotate(&["next-es256"])?;
    let start = Instant::now();
    for proxy in &proxies {
        proxy.comes_to(200, &new)?;
    }
    eprintln!(
        "rotation: the last of {} Envoys accepted the new key {:?} after its first token",
        proxies.len(),
        start.elapsed()
    );
    for proxy in &proxies {
        proxy.comes_to(401, &old)?;
    }

    // One leaves the name, and keeps its keys.
    publish(&hosts, &HOSTS[..2])?;
    let gone = format!("envoy=\"http://127.0.0.{}:{port}\"", HOSTS[2]);
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = client::send(endpoints, &Request::new("GET", "/metrics"), PATIENCE)?;
        let metrics = String::from_utf8_lossy(&answer.body).into_owned();
        if !metrics.contains(&gone) {
            let left = metrics
                .lines()
                .filter(|line| line.starts_with("registry_auth_shim_envoy_up{"));
            ensure!(left.count() == 2, "{metrics}");
            break;
        }
        ensure!(Instant::now() < deadline, "{gone} is not forgotten");
        std::thread::sleep(Duration::from_millis(200));
    }
    ensure!(is_ready(endpoints), "not ready without it");
    for proxy in &proxies {
        ensure!(proxy.status(&new)? == 200, "the keys went with the name");
    }
    Ok(())
}
