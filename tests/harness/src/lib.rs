//! The harness: tokens and an OIDC issuer, an upstream, a client, scenarios, the real Envoy.
//!
//! `tests/README.md` describes the scenario format and how the tests are run.

pub mod callers;
pub mod client;
pub mod cluster;
pub mod distribution;
pub mod driven;
pub mod envoy;
pub mod exit;
pub mod expand;
pub mod expect;
pub mod field;
pub mod front;
pub mod hosts;
pub mod issuer;
pub mod key;
pub mod load;
pub mod login;
pub mod machine;
pub mod mint;
pub mod module;
pub mod native;
pub mod program;
pub mod push;
pub mod real;
pub mod registry;
pub mod scenario;
pub mod server;
pub mod shared;
pub mod shipped;
pub mod substrate;
pub mod tls;
pub mod upstream;
pub mod vector;
pub mod workload;
