//! The real Envoy with a cheap registry behind it.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::envoy::{Bootstrap, Envoy, Listener};
use registry_auth_harness::load::{Backend, Pressure};
use registry_auth_harness::module;
use registry_auth_harness::real::INTAKE;
use registry_auth_harness::substrate::ENVIRONMENT;
use serde_json::Value;

/// What the counter of fetches with keys has in its name.
pub(super) const FETCHED: [&str; 2] = ["fetches", "outcome=.=success;.;"];
/// How long anything may take on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);
/// How requests are sent.
pub(super) const PRESSURE: Pressure = Pressure {
    connections: 2,
    patience: Duration::from_secs(30),
};
/// What the log has for each refusal, and how many other lines a message shows.
const REFUSAL: &str = "\"decision\":\"deny\"";
const TAIL: usize = 20;
/// New connections at once that show that all workers do the same.
const PROBES: usize = 16;

/// Envoy, and what it talks to.
pub(super) struct Proxy {
    /// Nothing while it restarts.
    pub(super) envoy: Option<Envoy>,
    /// The registry.
    pub(super) backend: Backend,
    configuration: Value,
    environment: Vec<(String, String)>,
}

/// The VM id of all listeners.
pub(super) const VM_ID: &str = "registry-auth-failures";

/// A listener `main` in front of the registry, and one for the intake.
pub(super) fn listeners(plugin: &Value, ports: [u16; 2]) -> Vec<Listener> {
    let listener = |name: &str, configuration: String, port| Listener {
        name: name.to_owned(),
        configuration,
        vm_id: VM_ID.to_owned(),
        port,
        closes_late: true,
        cluster: (name == "main").then(|| "upstream".to_owned()),
        ..Listener::default()
    };
    let [main, intake] = ports;
    vec![
        listener("main", plugin.to_string(), main),
        listener("intake", INTAKE.to_owned(), intake),
    ]
}

/// What Envoy is started with; the cluster of the registry is `upstream`.
pub(super) fn bootstrap(
    listeners: Vec<Listener>,
    backend: &Backend,
    clusters: &[(&str, SocketAddr)],
) -> Result<Bootstrap> {
    let mut all = vec![("upstream".to_owned(), backend.address())];
    all.extend(
        clusters
            .iter()
            .map(|(name, address)| ((*name).to_owned(), *address)),
    );
    let environment = ENVIRONMENT
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    Ok(Bootstrap {
        module: module::path()?,
        listeners,
        clusters: all,
        environment,
    })
}

impl Proxy {
    /// Starts Envoy with a bootstrap in JSON.
    pub(super) fn start(
        backend: Backend,
        bootstrap: &Bootstrap,
        configuration: Value,
    ) -> Result<Self> {
        let environment = bootstrap.environment.clone();
        let mut proxy = Self {
            envoy: None,
            backend,
            configuration,
            environment,
        };
        proxy.restart()?;
        Ok(proxy)
    }

    /// Ends Envoy, if it runs, and starts it.
    pub(super) fn restart(&mut self) -> Result<()> {
        self.envoy = None;
        self.envoy = Some(Envoy::launch(&self.configuration, 2, &self.environment)?);
        Ok(())
    }

    /// The running Envoy.
    pub(super) fn envoy(&self) -> Result<&Envoy> {
        self.envoy
            .as_ref()
            .ok_or_else(|| anyhow::anyhow!("envoy does not run"))
    }

    /// Where clients are served.
    pub(super) fn address(&self) -> Result<SocketAddr> {
        self.envoy()?.listener("main")
    }

    /// Waits until every worker answers a request with this status.
    pub(super) fn comes_to(&self, status: u16, request: &Request) -> Result<()> {
        comes_to(self.address()?, status, request).map_err(|error| error.context(self.log_tail()))
    }

    /// The end of Envoy's log without refusals, for messages.
    pub(super) fn log_tail(&self) -> String {
        let log = self.envoy.as_ref().map(Envoy::log).unwrap_or_default();
        let lines: Vec<_> = log.lines().filter(|line| !line.contains(REFUSAL)).collect();
        lines
            .get(lines.len().saturating_sub(TAIL)..)
            .unwrap_or_default()
            .join("\n")
            + "\n"
    }

    /// How many requests of clients Envoy has under way.
    pub(super) fn active(&self) -> Result<Option<u64>> {
        self.envoy()?.stat("http.main.downstream_rq_active")
    }

    /// How many connections clients have to Envoy.
    pub(super) fn connections(&self) -> Result<Option<u64>> {
        self.envoy()?.stat("http.main.downstream_cx_active")
    }

    /// The sum of the module's metrics whose names contain each of `parts`.
    pub(super) fn metric(&self, parts: &[&str]) -> Result<Option<u64>> {
        let stats = self.envoy()?.admin_get("/stats?filter=registry_auth")?;
        let values = stats
            .lines()
            .filter_map(|line| line.split_once(": "))
            .filter(|(found, _)| parts.iter().all(|part| found.contains(part)));
        let values = values.filter_map(|(_, value)| value.parse().ok());
        Ok(values.reduce(u64::saturating_add))
    }
}

/// Waits until every worker there answers a request with this status.
pub(super) fn comes_to(address: SocketAddr, status: u16, request: &Request) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = probe(address, request);
        if found.iter().all(|found| *found == status) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{found:?} instead of {status}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// The statuses of a request that is sent on many new connections at once, since each answer may
/// take seconds; 0: none.
fn probe(address: SocketAddr, request: &Request) -> Vec<u16> {
    let send = || client::send(address, request, PATIENCE).map_or(0, |answer| answer.status);
    thread::scope(|scope| {
        let probes: Vec<_> = (0..PROBES).map(|_| scope.spawn(send)).collect();
        probes
            .into_iter()
            .map(|probe| probe.join().unwrap_or_default())
            .collect()
    })
}

/// Waits until something is so.
pub(super) fn until(what: &str, mut holds: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !holds()? {
        ensure!(Instant::now() < deadline, "{what} does not come");
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
