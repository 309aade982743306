//! From a configuration of zot to a proxy with the filter in it.
//!
//! The crate is pure: values and texts come in, values and texts come out. Files that a document
//! names are read through [`Files`], and only where their content is needed: keys of a token server
//! are put into the filter's configuration; certificates and authorities stay names of files, which
//! the proxy reads (and reads again when they change).
//!
//! [`complete`] fills in what a document leaves out and checks it with the engine. The result is in
//! the terms of any proxy; [`envoy`] writes it for Envoy. [`istio`] and [`envoy_gateway`] write
//! resources for a mesh and a gateway in Kubernetes.
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use registry_auth_render::{Files, Options, complete, envoy};
//! use serde_json::json;
//!
//! let zot = json!({
//!     "storage": { "rootDirectory": "/var/lib/registry" },
//!     "http": {
//!         "auth": { "bearer": { "oidc": [{
//!             "issuer": "https://token.actions.githubusercontent.com", "audiences": ["registry"]
//!         }] } },
//!         "accessControl": { "repositories": { "**": { "defaultPolicy": ["read"] } } }
//!     }
//! });
//! let no_files = BTreeMap::<String, Vec<u8>>::new();
//! let completed = complete(&zot, &Options::default(), &no_files).expect("a good document");
//! assert_eq!(completed.issuers[0].name, "token.actions.githubusercontent.com");
//! let yaml = envoy::bootstrap(&completed, &envoy::Place::default());
//! assert!(yaml.contains("token.actions.githubusercontent.com"));
//! ```

mod cluster;
mod complete;
mod completed;
pub mod envoy;
pub mod envoy_gateway;
mod files;
mod foreign;
pub mod istio;
mod json_text;
pub mod kubelet;
pub mod kubernetes;
mod listener;
mod metrics;
mod node;
mod options;
mod resources;
mod yaml;

pub use cluster::{Certificate, ClientTls, Cluster, Endpoint, Trust};
pub use complete::kept::of as read_by_the_filter;
pub use complete::{complete, issuer_warnings};
pub use completed::Completed;
pub use files::Files;
pub use foreign::whole_certificate;
pub use listener::{Listener, ServerTls};
pub use options::{
    DEFAULT_UPSTREAM, LOGIN_CLUSTER, Login, Options, PAGES_CLUSTER, PUSH_KEY,
    UPSTREAM_AUTHORIZATION, Upstream,
};
pub use registry_auth_engine::config::ConfigError;
pub use resources::Rendered;
