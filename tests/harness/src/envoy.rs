//! The real Envoy on loopback, with a listener per plugin configuration.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{self, Request};
use crate::{module, shipped, tls};

const FILTER: &str = "registry-auth";
const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
/// Time limit for the start of Envoy, which compiles the module for each VM id.
const START: Duration = Duration::from_mins(1);
/// Time limit for the admin port.
const ADMIN: Duration = Duration::from_secs(10);
/// Number of lines of the log that a failure shows.
const TAIL: usize = 40;

/// A listener with the module in front of a cluster.
#[derive(Clone, Debug, Default)]
pub struct Listener {
    /// Its name, which is also the plugin's root id.
    pub name: String,
    /// The plugin configuration.
    pub configuration: String,
    /// Listeners of one VM id share a VM and its shared data.
    pub vm_id: String,
    /// The body waits whenever the head does: `allow_on_headers_stop_iteration` is not set.
    pub holds_bodies: bool,
    /// True for TLS with optional client certificates.
    pub secured: bool,
    /// Its port on loopback; 0 is a free one.
    pub port: u16,
    /// The cluster for requests; `None`: requests that pass the filter get 404.
    pub cluster: Option<String>,
    /// The file that the filter's configuration is read from, again whenever it is replaced (ECDS);
    /// `None`: it is part of the listener.
    pub discovery: Option<PathBuf>,
}

/// The bootstrap configuration of an Envoy.
#[derive(Clone, Debug, Default)]
pub struct Bootstrap {
    /// The module file.
    pub module: PathBuf,
    /// The listeners.
    pub listeners: Vec<Listener>,
    /// Clusters and their addresses.
    pub clusters: Vec<(String, SocketAddr)>,
    /// Environment variables; the module sees all of them.
    pub environment: Vec<(String, String)>,
}

/// A running Envoy, killed on drop.
pub struct Envoy {
    child: Child,
    admin: SocketAddr,
    listeners: Vec<(String, SocketAddr)>,
    folder: TempDir,
}

/// The Envoy of `REGISTRY_AUTH_TOOLS` or `.tools` (`venv/bin/envoy` below it).
///
/// # Errors
/// It is not there; the message says what to run.
pub fn binary() -> Result<PathBuf> {
    let tools = std::env::var_os("REGISTRY_AUTH_TOOLS")
        .map_or_else(|| module::workspace().join(".tools"), PathBuf::from);
    let path = tools.join("venv/bin/envoy");
    ensure!(
        path.exists(),
        "Envoy is missing ({}): run `cargo xtask test`, which fetches it",
        path.display()
    );
    Ok(path)
}

impl Envoy {
    /// Starts Envoy with two workers and waits until it is live.
    ///
    /// # Errors
    /// It is missing, or it ends or hangs while starting; the message ends with its log.
    pub fn start(bootstrap: &Bootstrap) -> Result<Self> {
        for listener in bootstrap
            .listeners
            .iter()
            .filter(|listener| listener.discovery.is_some())
        {
            bootstrap.publish(listener)?;
        }
        Self::launch(&bootstrap.to_json()?, 2, &bootstrap.environment)
    }

    /// Starts Envoy with a configuration in its JSON form and this number of workers, and waits
    /// until it is live.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn launch(
        configuration: &Value,
        workers: u32,
        environment: &[(String, String)],
    ) -> Result<Self> {
        let folder = TempDir::with_prefix("registry-auth-envoy-")?;
        let file = folder.path().join("envoy.json");
        fs::write(&file, configuration.to_string())?;
        let log = File::create(folder.path().join("log"))?;
        let child = Command::new(binary()?)
            .arg("-c")
            .arg(&file)
            .args(["--concurrency", &workers.to_string()])
            .args([
                "--use-dynamic-base-id",
                "--log-level",
                "info",
                "--admin-address-path",
            ])
            .arg(folder.path().join("admin"))
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("envoy cannot be run")?;
        let mut envoy = Self {
            child,
            admin: SocketAddr::from(([127, 0, 0, 1], 0)),
            listeners: Vec::new(),
            folder,
        };
        match envoy.wait() {
            Ok(()) => Ok(envoy),
            Err(error) => Err(error.context(format!(
                "envoy did not start; its log ends\n{}",
                envoy.log_tail()
            ))),
        }
    }

    /// Returns the resident memory of Envoy's process (`VmRSS`) in KiB.
    ///
    /// # Errors
    /// The system is not Linux, or the process has ended.
    pub fn resident(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line
            .and_then(|line| line.trim().strip_suffix(" kB"))
            .context("the process tells no VmRSS")?;
        number.trim().parse().context("VmRSS is no number")
    }

    fn wait(&mut self) -> Result<()> {
        let deadline = Instant::now() + START;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status}");
            }
            if self.is_live() {
                self.listeners = self.find_listeners()?;
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "it is not live after {START:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn is_live(&mut self) -> bool {
        let admin = fs::read_to_string(self.folder.path().join("admin")).unwrap_or_default();
        let Ok(admin) = admin.trim().parse() else {
            return false;
        };
        self.admin = admin;
        self.admin_get("/ready")
            .is_ok_and(|answer| answer.trim() == "LIVE")
    }

    fn find_listeners(&self) -> Result<Vec<(String, SocketAddr)>> {
        let answer: Value = serde_json::from_str(&self.admin_get("/listeners?format=json")?)?;
        let statuses = answer
            .get("listener_statuses")
            .and_then(Value::as_array)
            .context("no listeners")?;
        let address = |status: &Value| {
            let name = status.get("name")?.as_str()?.to_owned();
            let port = status
                .pointer("/local_address/socket_address/port_value")?
                .as_u64()?;
            Some((
                name,
                SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).ok()?)),
            ))
        };
        statuses
            .iter()
            .map(|status| address(status).context("a listener without address"))
            .collect()
    }

    /// Returns the address of a listener.
    ///
    /// # Errors
    /// There is no listener of that name.
    pub fn listener(&self, name: &str) -> Result<SocketAddr> {
        let found = self.listeners.iter().find(|(listener, _)| listener == name);
        found
            .map(|(_, address)| *address)
            .with_context(|| format!("there is no listener `{name}`"))
    }

    /// Returns the address of the admin port.
    #[must_use]
    pub const fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Returns the process id of Envoy.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Returns the value of a counter or gauge; `None` if there is none of that name.
    ///
    /// # Errors
    /// The admin port does not answer.
    pub fn stat(&self, name: &str) -> Result<Option<u64>> {
        let answer = self.admin_get("/stats")?;
        let line = answer
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        Ok(line.and_then(|value| value.parse().ok()))
    }

    /// Returns the text of an admin page.
    ///
    /// # Errors
    /// The admin port does not respond, or responds with an error.
    pub fn admin_get(&self, path: &str) -> Result<String> {
        let answer = client::send(self.admin, &Request::new("GET", path), ADMIN)?;
        ensure!(
            answer.status == 200,
            "admin answered {} to {path}",
            answer.status
        );
        Ok(String::from_utf8_lossy(&answer.body).into_owned())
    }

    /// Returns the log of Envoy.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.path().join("log")).unwrap_or_default())
            .into_owned()
    }

    /// Returns the end of the log, for messages.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines
            .get(lines.len().saturating_sub(TAIL)..)
            .unwrap_or_default()
            .join("\n")
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // Ignored: it may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Bootstrap {
    /// Converts the bootstrap to Envoy's JSON form.
    ///
    /// # Errors
    /// As [`shipped::capabilities`].
    pub fn to_json(&self) -> Result<Value> {
        let loopback = json!({"socket_address": {"address": "127.0.0.1", "port_value": 0}});
        let listeners = self
            .listeners
            .iter()
            .map(|listener| self.listener(listener))
            .collect::<Result<Vec<_>>>()?;
        Ok(json!({
            // File-based discovery needs a name too.
            "node": {"id": "test", "cluster": "test"},
            "admin": {"address": loopback},
            "static_resources": {
                "listeners": listeners,
                "clusters": self.clusters.iter().map(|(name, address)| cluster(name, *address)).collect::<Vec<_>>(),
            },
        }))
    }

    /// Writes the filter of a listener to its discovery file, atomically, as Envoy requires.
    ///
    /// # Errors
    /// The listener has none, or it cannot be written.
    pub fn publish(&self, listener: &Listener) -> Result<()> {
        let path = listener
            .discovery
            .as_ref()
            .context("the filter is configured in the listener")?;
        let resource = json!({
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": FILTER,
            "typed_config": self.wasm(listener)?,
        });
        let new = path.with_extension("new");
        fs::write(&new, json!({"resources": [resource]}).to_string())?;
        fs::rename(&new, path).context("the file cannot be replaced")
    }

    fn listener(&self, listener: &Listener) -> Result<Value> {
        let action = match &listener.cluster {
            Some(cluster) => json!({"route": {"cluster": cluster, "timeout": "0s"}}),
            None => json!({"direct_response": {"status": 404}}),
        };
        let mut route = json!({"match": {"prefix": "/"}});
        if let (Value::Object(route), Value::Object(action)) = (&mut route, action) {
            route.extend(action);
        }
        let manager = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": listener.name,
            "normalize_path": false,
            "merge_slashes": false,
            "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
            "use_remote_address": true,
            "max_request_headers_kb": 96,
            // Envoy's default, set explicitly: `envoy/` drops them, but the filter must be safe
            // without that.
            "common_http_protocol_options": {"headers_with_underscores_action": "ALLOW"},
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
            "http_filters": [self.filter(listener)?, {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"},
            }],
        });
        let mut chain = json!({"filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": manager,
        }]});
        if let (Value::Object(chain), true) = (&mut chain, listener.secured) {
            chain.insert("transport_socket".to_owned(), tls());
        }
        Ok(json!({
            "name": listener.name,
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": listener.port}},
            "filter_chains": [chain],
        }))
    }

    fn filter(&self, listener: &Listener) -> Result<Value> {
        Ok(match &listener.discovery {
            None => json!({"name": FILTER, "typed_config": self.wasm(listener)?}),
            Some(path) => json!({
                "name": FILTER,
                "config_discovery": {
                    "config_source": {"path_config_source": {"path": path}, "resource_api_version": "V3"},
                    "type_urls": [WASM],
                },
            }),
        })
    }

    /// Returns the configuration of the filter, with the capabilities of the shipped one.
    fn wasm(&self, listener: &Listener) -> Result<Value> {
        let names: Vec<&String> = self.environment.iter().map(|(name, _)| name).collect();
        let config = json!({
            "name": listener.name,
            "root_id": listener.name,
            "failure_policy": "FAIL_RELOAD",
            "reload_config": {"backoff": {"base_interval": "1s"}},
            "allow_on_headers_stop_iteration": !listener.holds_bodies,
            "capability_restriction_config": shipped::capabilities()?,
            "vm_config": {
                "vm_id": listener.vm_id,
                "runtime": "envoy.wasm.runtime.v8",
                "code": {"local": {"filename": self.module}},
                "environment_variables": {"host_env_keys": names},
            },
            "configuration": {
                "@type": "type.googleapis.com/google.protobuf.StringValue",
                "value": listener.configuration,
            },
        });
        Ok(json!({"@type": WASM, "config": config}))
    }
}

/// As docs/mtls.md says: without `trusted_ca` every certificate would be accepted.
fn tls() -> Value {
    let file = |name: &str| json!({"filename": tls::folder().join(name)});
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "tls_certificates": [{"certificate_chain": file("server.pem"), "private_key": file("server.key.pem")}],
                "validation_context": {"trusted_ca": file("ca.pem")},
            },
        },
    })
}

/// A cluster of one address, in Envoy's JSON form.
#[must_use]
pub fn cluster(name: &str, address: SocketAddr) -> Value {
    let socket = json!({"address": address.ip().to_string(), "port_value": address.port()});
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": {"socket_address": socket}}}]}],
        },
    })
}
