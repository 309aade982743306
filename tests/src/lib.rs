//! The harness: a proxy-wasm host on wasmtime, the real Envoy, an OIDC issuer, scenarios.
//!
//! `README.md` describes the scenario format and how the tests are run.

pub mod client;
pub mod issuer;
pub mod key;
pub mod mint;
pub mod server;
pub mod upstream;
