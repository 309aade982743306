//! What the alerts watch: two proxies with one policy, the shim that pushes keys to both, a `run`,
//! and clients that are served all the time.

use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result};
use registry_auth_cases::trap;
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::envoy::{Bootstrap, Listener};
use registry_auth_harness::issuer::{Endpoint, Fault, Issuer, Issuers};
use registry_auth_harness::load::Backend;
use registry_auth_harness::module;
use registry_auth_harness::program::{Program, free_address};
use registry_auth_harness::server::{Port, Server};
use registry_auth_harness::upstream::Upstream;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::prometheus::Target;
use crate::failures::callers::{Tokens, access_control, entry, read};
use crate::failures::issuers::put;
use crate::failures::proxy::{PATIENCE, Proxy, bootstrap, comes_to, listeners};
use crate::failures::secrets::Secrets;
use crate::failures::shim;
use crate::run::fixture::{Run, Setup, open};

/// An issuer that never fails, and whose tokens are accepted.
pub(super) const OTHER: &str = "http://other.test";
/// One whose keys are used for as long as tests run.
pub(super) const FAILING: &str = "http://failing.test";
/// One whose keys are used for a few seconds.
pub(super) const STALE: &str = "http://stale.test";
/// One whose tokens the policy refuses.
pub(super) const REFUSED: &str = "http://refused.test";
/// One whose claims no validation accepts.
pub(super) const CHANGED: &str = "http://changed.test";
const MAX_STALE: &str = "8s";
/// Between two requests of the clients.
const PAUSE: Duration = Duration::from_millis(50);

/// All of it.
pub(super) struct Stand {
    /// The second one has a trap in its module.
    pub(super) proxies: [Proxied; 2],
    pub(super) run: Run,
    pub(super) secrets: Secrets,
    pub(super) shim: Option<Program>,
    issuers: Issuers,
    endpoints: SocketAddr,
    clients: Option<JoinHandle<()>>,
    has_ended: Arc<AtomicBool>,
    folder: TempDir,
    _kept: (Server, Upstream),
}

/// A proxy whose policy is in a file of its own.
pub(super) struct Proxied {
    pub(super) proxy: Proxy,
    pub(super) intake: SocketAddr,
    bootstrap: Bootstrap,
    main: Listener,
}

impl Proxied {
    fn start(
        module: std::path::PathBuf,
        plugin: &Value,
        file: std::path::PathBuf,
        issuers: SocketAddr,
    ) -> Result<Self> {
        let [main, intake] = [free_address()?, free_address()?];
        let mut all = listeners(plugin, [main.port(), intake.port()]);
        let main = all.first_mut().context("no listener")?;
        main.discovery = Some(file);
        let main = main.clone();
        let backend = Backend::start()?;
        let mut bootstrap = bootstrap(all, &backend, &[("issuers", issuers)])?;
        bootstrap.module = module;
        bootstrap.publish(&main)?;
        let document = bootstrap.to_json()?;
        Ok(Self {
            proxy: Proxy::start(backend, &bootstrap, document)?,
            intake,
            bootstrap,
            main,
        })
    }

    /// Replaces the policy by a text.
    pub(super) fn publish(&self, configuration: &str) -> Result<()> {
        self.bootstrap.publish(&Listener {
            configuration: configuration.to_owned(),
            ..self.main.clone()
        })
    }

    /// The policy that it was started with.
    pub(super) fn policy(&self) -> &str {
        &self.main.configuration
    }

    /// Returns the status that a request gets.
    pub(super) fn send(&self, request: &Request) -> Result<u16> {
        Ok(client::send(self.proxy.address()?, request, PATIENCE)?.status)
    }
}

/// What both proxies do.
fn plugin() -> Result<Value> {
    let mut entries: Vec<_> = [OTHER, FAILING, STALE, REFUSED, CHANGED]
        .map(|issuer| entry(issuer, "issuers"))
        .into();
    for entry in &mut entries {
        let issuer = entry.get("issuer").and_then(Value::as_str);
        match issuer {
            Some(STALE) => put(entry, "", "maxStale", json!(MAX_STALE))?,
            Some(CHANGED) => {
                let validation = json!({"expression": "claims.sub == 'cd'", "message": "not cd"});
                put(entry, "/claimMapping", "validations", json!([validation]))?;
            }
            _ => {}
        }
    }
    let secret = json!({"region": "us-east-1", "secretName": "keys", "refreshInterval": "1s"});
    Ok(json!({
        "http": {
            "auth": {"bearer": {"awsSecretsManager": secret, "oidc": entries}},
            "accessControl": access_control(),
        },
        "log": {"level": "warn"},
        "proxy": {"pushKey": {"env": "REGISTRY_AUTH_PUSH_KEY"}, "upstreamCluster": "upstream"},
    }))
}

impl Stand {
    /// Starts everything, and waits until all tokens that are accepted are.
    pub(super) fn set_up() -> Result<Self> {
        let folder = TempDir::with_prefix("registry-auth-alerts-")?;
        let mut issuers = vec![Issuer::new(OTHER, &["other-es256"])?];
        for url in [FAILING, STALE, REFUSED, CHANGED] {
            issuers.push(Issuer::new(url, &["es256"])?);
        }
        let issuers = Issuers(issuers);
        let server = issuers.clone().serve(Port::bind()?)?;
        let plugin = plugin()?;
        fs::write(folder.path().join("plugin.json"), plugin.to_string())?;
        let trap = folder.path().join("trap.wasm");
        fs::write(&trap, trap::lay(&fs::read(module::path()?)?)?)?;
        let start = |module, file: &str| {
            Proxied::start(module, &plugin, folder.path().join(file), server.address())
        };
        let proxies = [start(module::path()?, "a.json")?, start(trap, "b.json")?];
        let upstream = Upstream::start()?;
        let run = Run::start(&Setup {
            document: &open(&["read"]),
            upstream: upstream.address(),
            arguments: &[],
            environment: &[],
        })?;
        let mut stand = Self {
            proxies,
            run,
            secrets: Secrets::start()?,
            shim: None,
            issuers,
            endpoints: free_address()?,
            clients: None,
            has_ended: Arc::default(),
            folder,
            _kept: (server, upstream),
        };
        stand.start_shim()?;
        for Proxied { proxy, .. } in &stand.proxies {
            for (issuer, key) in [(OTHER, "other-es256"), (FAILING, "es256"), (STALE, "es256")] {
                comes_to(
                    proxy.address()?,
                    200,
                    &read(&Tokens::of(issuer, key).bearer(0)?),
                )?;
            }
            let pushed = Tokens::of_server("eddsa").bearer(0)?;
            comes_to(proxy.address()?, 200, &read(&pushed))?;
        }
        stand.clients = Some(stand.begin_clients()?);
        Ok(stand)
    }

    /// What Prometheus scrapes.
    pub(super) fn targets(&self) -> Result<Vec<Target>> {
        let proxies = self.proxies.iter();
        let proxies = proxies.map(|proxied| Ok(proxied.proxy.envoy()?.admin()));
        Ok(vec![
            (
                "proxy",
                "/stats/prometheus",
                proxies.collect::<Result<_>>()?,
            ),
            ("shim", "/metrics", vec![self.endpoints]),
            ("run", "/metrics", vec![self.run.pages()]),
        ])
    }

    /// Starts the shim, and waits until both proxies have its keys.
    pub(super) fn start_shim(&mut self) -> Result<()> {
        let file = self.folder.path().join("plugin.json");
        let intakes = self.proxies.each_ref().map(|proxied| proxied.intake);
        let mut command = shim::serve(&file, self.endpoints, &intakes, self.secrets.address())?;
        let mut program = Program::start("shim", &mut command, self.folder.path())?;
        program.wait_until(|| {
            client::send(self.endpoints, &Request::new("GET", "/readyz"), PATIENCE)
                .is_ok_and(|answer| answer.status == 200)
        })?;
        self.shim = Some(program);
        Ok(())
    }

    /// Sets what an issuer does; nothing: that it works.
    pub(super) fn fault(&self, url: &str, fault: Option<&Fault>) -> Result<()> {
        let mut issuers = self.issuers.0.iter();
        let issuer = issuers.find(|issuer| issuer.url() == url);
        for endpoint in [Endpoint::Discovery, Endpoint::Keys] {
            issuer
                .context("no such issuer")?
                .fault(endpoint, fault.cloned());
        }
        Ok(())
    }

    /// The ends of all logs, for messages.
    pub(super) fn log(&self) -> String {
        let proxies = self.proxies.iter();
        let mut log: String = proxies.map(|proxied| proxied.proxy.log_tail()).collect();
        log.push_str(&self.shim.as_ref().map(Program::log).unwrap_or_default());
        log
    }

    /// Clients that read with a token, and that ask without one at first.
    fn begin_clients(&self) -> Result<JoinHandle<()>> {
        let requests = [
            read(&Tokens::of(OTHER, "other-es256").bearer(0)?),
            Request::new("GET", "/v2/"),
        ];
        let addresses = self.proxies.iter().map(|proxied| proxied.proxy.address());
        let addresses: Vec<SocketAddr> = addresses.collect::<Result<_>>()?;
        let has_ended = Arc::clone(&self.has_ended);
        Ok(thread::spawn(move || {
            while !has_ended.load(Ordering::Relaxed) {
                for address in &addresses {
                    for request in &requests {
                        // A proxy whose module has trapped gives no good answer.
                        drop(client::send(*address, request, PATIENCE));
                    }
                }
                thread::sleep(PAUSE);
            }
        }))
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.has_ended.store(true, Ordering::Relaxed);
        if let Some(clients) = self.clients.take() {
            drop(clients.join());
        }
    }
}
