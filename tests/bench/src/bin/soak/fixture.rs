//! Envoy, an issuer and a registry, with changes of keys and policy while requests run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::envoy::{Bootstrap, Envoy, Listener};
use registry_auth_harness::issuer::{Endpoint, Issuer};
use registry_auth_harness::load::{Backend, Load, Pressure, Sum};
use registry_auth_harness::module;
use registry_auth_harness::server::Server;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::crowd::{Crowd, KEYS};
use crate::memory::Memory;

const ISSUER: &str = "http://issuer.test";
const PRESSURE: Pressure = Pressure {
    connections: 2,
    patience: Duration::from_secs(30),
};
const SAMPLE: Duration = Duration::from_secs(1);
/// Samples from one rotation of the keys to the next, and from one change of the policy to the
/// next.
const ROTATION: usize = 20;
const CHANGE: usize = 7;

/// The running services.
pub(crate) struct Fixture {
    envoy: Envoy,
    bootstrap: Bootstrap,
    issuer: Issuer,
    crowd: Arc<Crowd>,
    _kept: (Backend, Server, TempDir),
}

/// The result of a run.
pub(crate) struct Soaked {
    /// Requests and time.
    pub(crate) sum: Sum,
    /// Answers by kind and status.
    pub(crate) answers: Vec<(&'static str, BTreeMap<u16, usize>)>,
    /// Tokens that were used.
    pub(crate) tokens: usize,
    /// Rotations of the keys.
    pub(crate) rotations: usize,
    /// Fetches of keys.
    pub(crate) fetches: usize,
    /// Changes of the policy.
    pub(crate) changes: usize,
    /// Envoy's memory.
    pub(crate) memory: Memory,
}

/// Returns one of two configurations, which differ in anonymous pulls only.
fn plugin(number: usize) -> Value {
    let anonymous: &[&str] = if number.is_multiple_of(2) {
        &["read"]
    } else {
        &[]
    };
    let mapping = json!({"username": format!("'{}-' + claims.sub", number % 2)});
    let entry = json!({"issuer": ISSUER, "audiences": ["registry"], "cluster": "issuers", "claimMapping": mapping});
    json!({
        "http": {
            "auth": {"bearer": {"oidc": [entry]}},
            "accessControl": {"repositories": {
                "team/**": {"policies": [{"users": [format!("{}-ci", number % 2)], "actions": ["read", "create"]}]},
                "open/**": {"anonymousPolicy": anonymous, "policies": [{"users": ["nobody"], "actions": ["read"]}]},
                "closed/**": {"policies": [{"users": [format!("{}-ci", (number + 1) % 2)], "actions": ["read"]}]},
            }},
        },
        "log": {"level": "error"},
    })
}

impl Fixture {
    /// Signs the tokens and starts the services.
    pub(crate) fn set_up() -> Result<Self> {
        eprintln!("signing tokens");
        let crowd = Crowd::gather(ISSUER)?;
        let folder = TempDir::with_prefix("registry-auth-soak-")?;
        let [first, ..] = KEYS;
        let issuer = Issuer::new(ISSUER, &[first])?;
        let (server, backend) = (issuer.serve()?, Backend::start()?);
        let listener = Listener {
            name: "main".to_owned(),
            configuration: plugin(0).to_string(),
            vm_id: "registry-auth-soak".to_owned(),
            cluster: Some("upstream".to_owned()),
            discovery: Some(folder.path().join("filter.json")),
            ..Listener::default()
        };
        let bootstrap = Bootstrap {
            module: module::path()?,
            listeners: vec![listener],
            clusters: vec![
                ("upstream".to_owned(), backend.address()),
                ("issuers".to_owned(), server.address()),
            ],
            environment: Vec::new(),
        };
        let envoy = Envoy::start(&bootstrap)?;
        Ok(Self {
            envoy,
            bootstrap,
            issuer,
            crowd,
            _kept: (backend, server, folder),
        })
    }

    /// Sends this number of requests.
    ///
    /// # Errors
    /// A response is wrong, or a change takes too long.
    pub(crate) fn soak(mut self, requests: u64) -> Result<Soaked> {
        let (kinds, expected) = self.crowd.kinds();
        let mut memory = Memory::default();
        let (mut rotations, mut changes, mut answers) = (0, 0, Vec::new());
        let address = self.envoy.listener("main")?;
        let sum = Load::run(&kinds, address, PRESSURE, |load| {
            load.turn("soak", &expected);
            for second in 1_usize.. {
                thread::sleep(SAMPLE);
                load.reach(0, 0, PRESSURE.patience)?;
                memory.add(self.envoy.resident()?);
                if load.answers() >= requests {
                    break;
                }
                if second.is_multiple_of(ROTATION) {
                    self.rotate()?;
                    rotations += 1;
                }
                if second.is_multiple_of(CHANGE) {
                    changes += 1;
                    self.change(changes)?;
                }
                if second.is_multiple_of(30) {
                    eprintln!(
                        "{} requests, {} KiB",
                        load.answers(),
                        self.envoy.resident()?
                    );
                }
            }
            answers = kinds
                .iter()
                .map(|kind| kind.name)
                .zip(load.settled())
                .collect();
            Ok(())
        });
        let sum = sum.with_context(|| self.envoy.log_tail())?;
        let (tokens, fetches) = (self.crowd.size(), self.issuer.requests(Endpoint::Keys));
        Ok(Soaked {
            sum,
            answers,
            tokens,
            rotations,
            fetches,
            changes,
            memory,
        })
    }

    /// Publishes a new key of the issuer in addition to the current one, and then signs with it.
    fn rotate(&self) -> Result<()> {
        self.issuer.rotate(&self.crowd.next()?)?;
        self.crowd.rotate().map(drop)
    }

    /// Switches the plugin to the other configuration, and waits until Envoy uses it.
    fn change(&mut self, number: usize) -> Result<()> {
        const COUNTER: &str = "extension_config_discovery.http_filter.registry-auth.config_reload";
        let before = self.envoy.stat(COUNTER)?;
        let listener = self
            .bootstrap
            .listeners
            .first_mut()
            .context("no listener")?;
        listener.configuration = plugin(number).to_string();
        let listener = listener.clone();
        self.bootstrap.publish(&listener)?;
        let deadline = Instant::now() + PRESSURE.patience;
        while self.envoy.stat(COUNTER)? == before {
            ensure!(
                Instant::now() < deadline,
                "envoy does not take the configuration"
            );
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}
