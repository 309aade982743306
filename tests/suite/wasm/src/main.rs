//! The tests of the built modules on wasmtime. They need `target/registry-auth.wasm` and
//! `target/registry-auth-full.wasm`, which `cargo xtask build` makes.

#![expect(clippy::too_many_lines, reason = "tables of test rows")]

mod abi;
mod budgets;
mod catalog;
mod client_address;
mod clock;
mod contexts;
mod delay;
mod explained;
mod expressions;
mod faults;
mod fetches;
mod full;
mod generated;
mod hostile;
mod intake;
mod log_lines;
mod login;
mod minting;
mod mtls;
mod outage;
mod parking;
mod patience;
mod plain;
mod questions;
mod recent_time;
mod records;
mod refused;
mod scenarios;
mod traps;
mod wasm;
mod work;
mod wycheproof;

use registry_auth_cases::Outcome;
