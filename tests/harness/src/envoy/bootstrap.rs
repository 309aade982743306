//! Envoy's configuration for tests, in its JSON form.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::native;
use crate::{module, shipped, tls};

const FILTER: &str = "registry-auth";

const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";

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
    /// The file of its access log, with the records of decisions in JSON; responses have the
    /// warnings of the next policy then.
    pub access_log: Option<PathBuf>,
    /// The cluster for requests; `None`: requests that pass the filter get 404.
    pub cluster: Option<String>,
    /// A connection that Envoy closes stays for ten seconds, not for one, for what is not sent yet:
    /// a machine that is busy with thousands of answers takes longer.
    pub closes_late: bool,
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
            "stats_config": {"stats_tags": registry_auth_render::envoy::stats_tags()},
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
        let mut resource = resource;
        if module::is_native() {
            native::convert(&mut resource);
        }
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
        if let (Value::Object(route), true) = (&mut route, listener.access_log.is_some()) {
            let value = "%FILTER_STATE(wasm.registry_auth.warning:PLAIN)%";
            let field = json!([{"header": {"key": "warning", "value": value}}]);
            route.insert("response_headers_to_add".to_owned(), field);
        }
        let mut manager = json!({
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
        if let (Value::Object(manager), true) = (&mut manager, listener.closes_late) {
            manager.insert("delayed_close_timeout".to_owned(), json!("10s"));
        }
        if let (Value::Object(manager), Some(path)) = (&mut manager, &listener.access_log) {
            manager.insert("access_log".to_owned(), access_log(path));
        }
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

/// As `registry-auth render envoy` writes it, but into a file.
fn access_log(path: &Path) -> Value {
    let format = json!({
        "id": "%REQ(X-REQUEST-ID)%",
        "status": "%RESPONSE_CODE%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "registry_auth": "%FILTER_STATE(wasm.registry_auth.decision:PLAIN)%",
    });
    json!([{
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": path,
            "log_format": {"json_format": format},
        },
    }])
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
