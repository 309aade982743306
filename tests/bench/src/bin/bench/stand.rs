//! One Envoy with a listener for each row.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use registry_auth_harness::envoy::{Envoy, cluster};
use registry_auth_harness::module;
use registry_auth_harness::substrate::ENVIRONMENT;
use serde_json::{Value, json};

use crate::chain::{Chain, Modules};
use crate::empty;

/// What answers a request that has passed the filters.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// Envoy itself, with 200.
    Direct,
    /// An upstream.
    Upstream(SocketAddr),
}

/// A listener with filters.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    /// Its name.
    pub(crate) name: String,
    /// Listeners with the same module and the same VM share memory and shared data.
    pub(crate) vm: String,
    /// Its filters.
    pub(crate) chain: Chain,
    /// What answers requests that pass them.
    pub(crate) answer: Answer,
    /// Who is asked about requests, with [`Chain::Asked`].
    pub(crate) asked: Option<SocketAddr>,
}

impl Listener {
    /// Creates a listener with its own VM, answered by Envoy.
    pub(crate) fn new(name: &str, chain: Chain) -> Self {
        Self {
            name: name.to_owned(),
            vm: name.to_owned(),
            chain,
            answer: Answer::Direct,
            asked: None,
        }
    }
}

/// The files of the modules.
pub(crate) struct Files {
    /// The folder for results.
    pub(crate) folder: PathBuf,
    /// The module that ships.
    pub(crate) ours: PathBuf,
    empty: PathBuf,
    calls: PathBuf,
    empty_sdk: PathBuf,
}

impl Files {
    /// Finds the built modules, and writes the empty ones.
    ///
    /// # Errors
    /// A module is missing; the message says what to run.
    pub(crate) fn find() -> Result<Self> {
        let folder = module::workspace().join("target/bench");
        fs::create_dir_all(&folder)?;
        let [empty, calls, empty_sdk] =
            ["empty.wasm", "calls.wasm", "empty-sdk.wasm"].map(|name| folder.join(name));
        fs::write(&empty, empty::module(&[]))?;
        fs::write(&calls, empty::module(&empty::CALLS))?;
        fs::metadata(&empty_sdk)
            .context("the empty module with the SDK is missing: run `cargo xtask bench`")?;
        Ok(Self {
            ours: module::path()?,
            empty,
            calls,
            empty_sdk,
            folder,
        })
    }

    /// Starts an Envoy with this number of workers.
    ///
    /// # Errors
    /// It does not start; the message ends with its log.
    pub(crate) fn start(&self, listeners: &[Listener], workers: u32) -> Result<Envoy> {
        Envoy::launch(&self.bootstrap(listeners)?, workers, &environment())
    }

    /// Starts an Envoy with one worker by a command that watches it, and may take this long for it.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub(crate) fn start_by(
        &self,
        command: Command,
        patience: Duration,
        listeners: &[Listener],
    ) -> Result<Envoy> {
        let bootstrap = self.bootstrap(listeners)?;
        Envoy::launch_by(command, patience, &bootstrap, 1, &environment())
    }

    fn bootstrap(&self, listeners: &[Listener]) -> Result<Value> {
        let modules = Modules {
            ours: &self.ours,
            empty: &self.empty,
            calls: &self.calls,
            empty_sdk: &self.empty_sdk,
        };
        bootstrap(listeners, &modules)
    }

    /// Returns the size of the module that ships in bytes.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn size(&self) -> Result<u64> {
        Ok(fs::metadata(Path::new(&self.ours))?.len())
    }
}

fn environment() -> Vec<(String, String)> {
    let mut environment = ENVIRONMENT
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
    // For the dynamic module.
    let target = module::workspace().join("target").display().to_string();
    environment.push(("ENVOY_DYNAMIC_MODULES_SEARCH_PATH".to_owned(), target));
    environment
}

fn bootstrap(listeners: &[Listener], modules: &Modules<'_>) -> Result<Value> {
    let loopback = json!({"socket_address": {"address": "127.0.0.1", "port_value": 0}});
    let mut clusters = Vec::new();
    for listener in listeners {
        let upstream = match listener.answer {
            Answer::Direct => listener.asked,
            Answer::Upstream(address) => Some(address),
        };
        clusters.extend(upstream.map(|address| cluster(&listener.name, address)));
    }
    let listeners = listeners
        .iter()
        .map(|listener| listener.to_json(modules))
        .collect::<Result<Vec<_>>>()?;
    Ok(json!({
        "admin": {"address": loopback},
        // As the configurations that ship have it.
        "memory_allocator_manager": {"bytes_to_release": 1_048_576, "memory_release_interval": "1s"},
        "static_resources": {"listeners": listeners, "clusters": clusters},
    }))
}

impl Listener {
    fn to_json(&self, modules: &Modules<'_>) -> Result<Value> {
        let route = match self.answer {
            Answer::Direct => json!({"match": {"prefix": "/"}, "direct_response": {"status": 200}}),
            Answer::Upstream(_) => {
                json!({"match": {"prefix": "/"}, "route": {"cluster": self.name, "timeout": "0s"}})
            }
        };
        // As the configurations that ship have it.
        let manager = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": self.name,
            "normalize_path": false,
            "merge_slashes": false,
            "path_with_escaped_slashes_action": "KEEP_UNCHANGED",
            "use_remote_address": true,
            "max_request_headers_kb": 96,
            "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
            "http_filters": self.chain.filters(&self.name, &self.vm, modules)?,
        });
        Ok(json!({
            "name": self.name,
            "address": {"socket_address": {"address": "127.0.0.1", "port_value": 0}},
            "filter_chains": [{"filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": manager,
            }]}],
        }))
    }
}
