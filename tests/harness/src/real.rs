//! The Envoy substrate: the real proxy, an echo upstream and the issuers on loopback.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::client::{self, Request, Response};
use crate::envoy::{self, Bootstrap, Envoy, Listener};
use crate::expect::Outcome;
use crate::issuer::Issuers;
use crate::login;
use crate::push;
use crate::scenario::Config;
use crate::server::{Port, Server};
use crate::substrate::{ENVIRONMENT, Substrate, now};
use crate::upstream::{NUMBER, Upstream};

/// Time limit for a request, longer than the timeouts of the filter.
const PATIENCE: Duration = Duration::from_secs(20);
/// Time limit for pushed keys to reach every worker.
pub const SPREAD: Duration = Duration::from_millis(600);
/// The plugin configuration of an intake.
pub const INTAKE: &str = r#"{"intake": {"pushKey": {"env": "REGISTRY_AUTH_PUSH_KEY"}}}"#;

/// The real Envoy. Configurations with the same pushed keys share a VM id, and so their shared
/// data.
pub struct RealEnvoy {
    module: PathBuf,
    program: PathBuf,
    configs: Vec<Config>,
    groups: Vec<Group>,
    upstream: Upstream,
    issuers: Server,
    login: Server,
    running: Option<Envoy>,
    access_log: Option<PathBuf>,
}

/// What is pushed.
type Group = Vec<(String, Value)>;

fn group_of(config: &Config) -> Result<Group> {
    push::sets(
        &config.plugin,
        config.pushed.as_deref(),
        config.minting.as_deref(),
        config.login.as_ref(),
    )
}

impl RealEnvoy {
    /// Starts everything but Envoy.
    ///
    /// # Errors
    /// A server cannot be started, or Envoy is missing.
    pub fn new(module: PathBuf) -> Result<Self> {
        Self::of_program(envoy::binary()?, module)
    }

    /// As [`Self::new`], with this program.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_program(program: PathBuf, module: PathBuf) -> Result<Self> {
        let issuers = Issuers::of_scenarios()?.serve(Port::bind()?)?;
        let (configs, groups) = (Vec::new(), Vec::new());
        Ok(Self {
            module,
            program,
            configs,
            groups,
            upstream: Upstream::start()?,
            issuers,
            login: login::serve(Port::bind()?)?,
            running: None,
            access_log: None,
        })
    }

    /// The same with an access log in this file, as [`Listener::access_log`].
    #[must_use]
    pub fn logging(mut self, file: PathBuf) -> Self {
        self.access_log = Some(file);
        self
    }

    /// Returns the running Envoy.
    ///
    /// # Errors
    /// It was not started.
    pub fn envoy(&self) -> Result<&Envoy> {
        self.running.as_ref().context("envoy was not started")
    }

    fn bootstrap(&self) -> Result<Bootstrap> {
        let mut listeners = Vec::new();
        for (number, config) in self.configs.iter().enumerate() {
            let group = group_of(config)?;
            let group = self
                .groups
                .iter()
                .position(|known| *known == group)
                .unwrap_or_default();
            listeners.push(Listener {
                name: format!("config-{number}"),
                configuration: config.plugin.to_string(),
                vm_id: format!("registry-auth-{group}"),
                holds_bodies: config.holds_bodies,
                secured: config.is_secured(),
                cluster: Some("upstream".to_owned()),
                access_log: self.access_log.clone(),
                ..Listener::default()
            });
        }
        for group in 0..self.groups.len() {
            listeners.push(Listener {
                name: format!("intake-{group}"),
                configuration: INTAKE.to_owned(),
                vm_id: format!("registry-auth-{group}"),
                ..Listener::default()
            });
        }
        Ok(Bootstrap {
            module: self.module.clone(),
            listeners,
            clusters: vec![
                ("upstream".to_owned(), self.upstream.address()),
                ("issuers".to_owned(), self.issuers.address()),
                ("login".to_owned(), self.login.address()),
            ],
            environment: ENVIRONMENT
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .to_vec(),
        })
    }

    fn outcome(&self, response: Response) -> Result<Outcome> {
        let Some(number) = response.header(NUMBER) else {
            return Ok(Outcome::Answered(response));
        };
        let seen = self
            .upstream
            .seen(number.parse()?)
            .context("the upstream has not seen it")?;
        Ok(Outcome::Forwarded {
            seen,
            status: response.status,
        })
    }
}

impl Substrate for RealEnvoy {
    fn serve(&mut self, config: &Config) -> Result<usize> {
        let group = group_of(config)?;
        if !self.groups.contains(&group) {
            self.groups.push(group);
        }
        self.configs.push(config.clone());
        Ok(self.configs.len() - 1)
    }

    fn start(&mut self) -> Result<()> {
        let envoy = Envoy::start_program(&self.program, &self.bootstrap()?)?;
        for (group, sets) in self.groups.iter().enumerate() {
            for (set, keys) in sets {
                push_keys(envoy.listener(&format!("intake-{group}"))?, set, keys)?;
            }
        }
        std::thread::sleep(SPREAD);
        self.running = Some(envoy);
        Ok(())
    }

    fn send(&mut self, config: usize, request: &Request) -> Result<Outcome> {
        let served = self
            .configs
            .get(config)
            .context("there is no such configuration")?;
        self.upstream.hold(served.registry.clone());
        let envoy = self.envoy()?;
        let send = if served.is_secured() {
            client::send_over_tls
        } else {
            client::send
        };
        let response = send(
            envoy.listener(&format!("config-{config}"))?,
            request,
            PATIENCE,
        );
        let response =
            response.with_context(|| format!("the log of envoy ends\n{}", envoy.log_tail()))?;
        self.outcome(response)
    }
}

/// Pushes a set through an intake listener, as the shim does.
///
/// # Errors
/// The intake refuses it.
pub fn push_keys(intake: SocketAddr, set: &str, keys: &Value) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let request = push::request(set, keys, now());
        let answer = client::send(intake, &request, PATIENCE)?;
        if answer.status == 200 {
            return Ok(());
        }
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        ensure!(
            answer.status == 409 && Instant::now() < deadline,
            "the intake answered {} {body}",
            answer.status
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}
