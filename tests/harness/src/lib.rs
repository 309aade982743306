//! The harness: a proxy-wasm host on wasmtime, the real Envoy, an OIDC issuer, scenarios.
//!
//! `README.md` describes the scenario format and how the tests are run.

pub mod callers;
pub mod client;
pub mod distribution;
pub mod envoy;
pub mod expand;
pub mod expect;
pub mod field;
pub mod front;
#[cfg(feature = "vm")]
pub mod host;
pub mod issuer;
pub mod key;
pub mod load;
pub mod machine;
pub mod mint;
pub mod module;
pub mod native;
#[cfg(feature = "vm")]
pub mod probe;
pub mod program;
pub mod push;
pub mod real;
pub mod reference;
pub mod registry;
pub mod scenario;
pub mod server;
pub mod shared;
pub mod shipped;
pub mod substrate;
pub mod tls;
#[cfg(feature = "vm")]
pub mod trap;
pub mod upstream;
pub mod vector;
#[cfg(feature = "vm")]
pub mod vm;
#[cfg(feature = "vm")]
pub mod wasm;
pub mod workload;
#[cfg(feature = "vm")]
pub mod wycheproof;
