//! Keys of an issuer that the proxy cannot reach: from the issuer through the shim to two real
//! Envoys.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use http_body_util::Full;
use hyper::Response;
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::envoy::{self, Bootstrap, Listener};
use registry_auth_harness::issuer::{DISCOVERY, Issuer, KEYS};
use registry_auth_harness::program::{Program, free_address};
use registry_auth_harness::real::INTAKE;
use registry_auth_harness::server::{Port, Server};
use registry_auth_harness::substrate::{PUSH_KEY, now};
use registry_auth_harness::upstream::Upstream;
use registry_auth_harness::{module, tls};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::Outcome;

pub(super) const PATIENCE: Duration = Duration::from_mins(1);
pub(super) const TOKEN: &str = "a-service-account-token";

/// An issuer like a Kubernetes API server: a private authority, a token, another address for its
/// keys.
pub(super) fn issuer(port: Port) -> Result<(Issuer, Server)> {
    let number = port.address().port();
    let issuer = Issuer::new(&format!("https://localhost:{number}"), &["es256"])?;
    let published = issuer.clone();
    let server = port.serve_over_tls(tls::issuer()?, move |request| {
        let shown = request
            .headers()
            .get(AUTHORIZATION)
            .is_some_and(|value| value == &format!("Bearer {TOKEN}"));
        let document = if shown {
            published_at(&published, request.uri().path(), number)
        } else {
            None
        };
        async {
            let answer = Response::builder();
            let answer = match document {
                None => answer.status(403).body(Full::default()),
                Some((kind, document)) => answer
                    .header(CONTENT_TYPE, kind)
                    .header(CACHE_CONTROL, "public, max-age=3600")
                    .body(Full::new(document.to_string().into())),
            };
            answer.ok()
        }
    })?;
    Ok((issuer, server))
}

/// The document at a path, with its content type. The keys are at another host than the issuer.
fn published_at(issuer: &Issuer, path: &str, port: u16) -> Option<(&'static str, Value)> {
    match path {
        DISCOVERY => {
            let mut document = issuer.discovery();
            set(
                &mut document,
                "/jwks_uri",
                json!(format!("https://127.0.0.1:{port}{KEYS}")),
            )
            .ok()?;
            Some(("application/json", document))
        }
        KEYS => Some(("application/jwk-set+json", issuer.jwks())),
        _ => None,
    }
}

/// Replaces the value at a JSON pointer.
fn set(document: &mut Value, pointer: &str, value: Value) -> Result<()> {
    *document
        .pointer_mut(pointer)
        .with_context(|| format!("there is no {pointer}"))? = value;
    Ok(())
}

/// An Envoy, and the address for its clients.
pub(super) struct Proxy {
    bootstrap: Value,
    clients: SocketAddr,
    admin: SocketAddr,
    folder: TempDir,
    running: Option<Program>,
}

impl Proxy {
    /// `intake` is the address of the intake in Envoy's form.
    pub(super) fn new(plugin: &Value, intake: &Value, upstream: &Upstream) -> Result<Self> {
        Self::with_intake(plugin, intake, INTAKE, false, upstream)
    }

    /// An Envoy whose intake has another configuration; `holds_bodies` without
    /// `allow_on_headers_stop_iteration`.
    pub(super) fn with_intake(
        plugin: &Value,
        intake: &Value,
        configuration: &str,
        holds_bodies: bool,
        upstream: &Upstream,
    ) -> Result<Self> {
        let (clients, admin) = (free_address()?, free_address()?);
        let listener = |name: &str, configuration: String, cluster: Option<&str>| Listener {
            name: name.to_owned(),
            configuration,
            vm_id: "pushed".to_owned(),
            port: clients.port(),
            cluster: cluster.map(str::to_owned),
            ..Listener::default()
        };
        let mut bootstrap = Bootstrap {
            module: module::path()?,
            listeners: vec![
                listener("clients", plugin.to_string(), Some("upstream")),
                Listener {
                    holds_bodies,
                    ..listener("intake", configuration.to_owned(), None)
                },
            ],
            clusters: vec![("upstream".to_owned(), upstream.address())],
            environment: vec![("REGISTRY_AUTH_PUSH_KEY".to_owned(), PUSH_KEY.to_owned())],
        }
        .to_json()?;
        set(
            &mut bootstrap,
            "/admin/address/socket_address/port_value",
            json!(admin.port()),
        )?;
        set(
            &mut bootstrap,
            "/static_resources/listeners/1/address",
            intake.clone(),
        )?;
        let folder = TempDir::with_prefix("registry-auth-pushed-envoy-")?;
        Ok(Self {
            bootstrap,
            clients,
            admin,
            folder,
            running: None,
        })
    }

    pub(super) fn start(&mut self) -> Result<()> {
        let file = self.folder.path().join("envoy.json");
        let mut command = Command::new(envoy::binary()?);
        envoy::write(&file, &self.bootstrap, &mut command)?;
        // The previous Envoy must release its ports.
        self.running = None;
        let mut program = Program::start(
            "envoy",
            command
                .arg("-c")
                .arg(file)
                .args(["--concurrency", "2", "--use-dynamic-base-id"])
                .env("REGISTRY_AUTH_PUSH_KEY", PUSH_KEY),
            self.folder.path(),
        )?;
        program.wait(self.admin, "/ready")?;
        self.running = Some(program);
        Ok(())
    }

    pub(super) fn status(&self, token: &str) -> Result<u16> {
        let request = Request::new("GET", "/v2/team/app/tags/list")
            .header("authorization", &format!("Bearer {token}"));
        Ok(client::send(self.clients, &request, PATIENCE)?.status)
    }

    /// Repeats a request until this is the status: a fetch for an unknown key may be delayed.
    pub(super) fn comes_to(&self, status: u16, token: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.status(token)?;
            if found == status {
                return Ok(());
            }
            let log = self.running.as_ref().map(Program::log).unwrap_or_default();
            ensure!(
                Instant::now() < deadline,
                "{found} instead of {status}\n{log}"
            );
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// A shim that pushes to the intakes, and the address of its endpoints.
fn shim(plugin: &Value, intakes: &[String], folder: &Path) -> Result<(Program, SocketAddr)> {
    shim_by(Command::new(module::shim()?), plugin, intakes, folder)
}

/// The same, run by a command to which the arguments of the shim are added.
pub(super) fn shim_by(
    mut command: Command,
    plugin: &Value,
    intakes: &[String],
    folder: &Path,
) -> Result<(Program, SocketAddr)> {
    let (configuration, endpoints) = (folder.join("plugin.json"), free_address()?);
    fs::write(&configuration, plugin.to_string())?;
    command
        .arg("serve")
        .arg("--config")
        .arg(configuration)
        .args(["--listen", &endpoints.to_string()]);
    for intake in intakes {
        command.args(["--envoy", intake]);
    }
    let program = Program::start(
        "shim",
        command.env("REGISTRY_AUTH_PUSH_KEY", PUSH_KEY),
        folder,
    )?;
    Ok((program, endpoints))
}

/// A configuration for the issuer.
pub(super) fn plugin(issuer: &Issuer, token_file: &Path) -> Value {
    json!({
        "http": {
            "auth": {"bearer": {"realm": "registry", "service": "registry.test", "oidc": [{
                "issuer": issuer.url(), "audiences": ["registry"], "keySource": "push", "tokenFile": token_file,
                "certificateAuthorityFile": tls::folder().join("issuer-ca.pem"),
            }]}},
            "accessControl": {"repositories": {"team/**": {"defaultPolicy": ["read"]}}},
        },
        "proxy": {"pushKey": {"env": "REGISTRY_AUTH_PUSH_KEY"}},
    })
}

/// A token that is signed with this key.
pub(super) fn mint(issuer: &Issuer, key: &str) -> Result<String> {
    let claims = json!({"sub": "ci", "aud": "registry", "iat": "-1m", "exp": "+1h"});
    let claims = serde_json::from_value::<Map<String, Value>>(claims)?;
    issuer.token(key, claims, now())
}

pub(super) fn is_ready(endpoints: SocketAddr) -> bool {
    client::send(endpoints, &Request::new("GET", "/readyz"), PATIENCE)
        .is_ok_and(|answer| answer.status == 200)
}

#[test]
fn keys_of_an_issuer_with_a_private_ca_reach_two_envoys_and_follow_rotation_and_restarts() -> Outcome
{
    let folder = TempDir::with_prefix("registry-auth-pushed-").context("no folder")?;
    play(folder.path())?;
    Ok(())
}

fn play(folder: &Path) -> Result<()> {
    let (issuer, _server) = issuer(Port::bind()?)?;
    let token_file = folder.join("token");
    fs::write(&token_file, TOKEN)?;
    let plugin = plugin(&issuer, &token_file);
    let upstream = Upstream::start()?;
    let (intake, socket) = (free_address()?, folder.join("intake.sock"));
    let tcp = json!({"socket_address": {"address": "127.0.0.1", "port_value": intake.port()}});
    let unix = json!({"pipe": {"path": socket}});
    let [mut first, mut second] = [
        Proxy::new(&plugin, &tcp, &upstream)?,
        Proxy::new(&plugin, &unix, &upstream)?,
    ];
    first.start()?;
    second.start()?;
    let intakes = [
        format!("http://{intake}"),
        format!("unix://{}", socket.display()),
    ];
    let (mut program, endpoints) = shim(&plugin, &intakes, folder)?;
    program.wait_until(|| is_ready(endpoints))?;

    let (old, new) = (mint(&issuer, "es256")?, mint(&issuer, "next-es256")?);
    for proxy in [&first, &second] {
        proxy.comes_to(200, &old)?;
    }

    // Rotation without overlap: the first token with the new key brings it, everywhere, and ends
    // the old one.
    issuer.rotate(&["next-es256"])?;
    first.comes_to(200, &new)?;
    for proxy in [&first, &second] {
        proxy.comes_to(200, &new)?;
        proxy.comes_to(401, &old)?;
    }

    // An Envoy that restarts has its keys again, and one whose shim is gone keeps them.
    first.start()?;
    program.wait_until(|| is_ready(endpoints))?;
    first.comes_to(200, &new)?;
    drop(program);
    for proxy in [&first, &second] {
        ensure!(proxy.status(&new)? == 200, "the keys went with the shim");
    }
    Ok(())
}
