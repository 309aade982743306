//! The tests that run the filter: natively, on wasmtime, in the real Envoy. `README.md` says how to choose.

use std::fmt;

#[cfg(feature = "vm")]
mod abi;
#[cfg(feature = "vm")]
mod budgets;
#[cfg(feature = "vm")]
mod catalog;
#[cfg(feature = "vm")]
mod client_address;
mod clients;
#[cfg(feature = "vm")]
mod clock;
mod conformance;
mod credential;
mod delay;
#[cfg(feature = "vm")]
mod differential;
#[cfg(feature = "vm")]
mod expressions;
#[cfg(feature = "vm")]
mod failures;
#[cfg(feature = "vm")]
mod faults;
mod fetches;
#[cfg(feature = "vm")]
mod generated;
mod hostile;
#[cfg(feature = "vm")]
mod intake;
#[cfg(feature = "vm")]
mod log_lines;
mod minting;
mod mounts;
mod mtls;
#[cfg(feature = "vm")]
mod outage;
mod parking;
#[cfg(feature = "vm")]
mod patience;
mod pushed;
#[cfg(feature = "vm")]
mod questions;
mod readme;
#[cfg(feature = "vm")]
mod refused;
mod reload;
mod routes;
mod scenarios;
mod shipped;
mod threats;
mod token_server;
#[cfg(feature = "vm")]
mod traps;
mod virtual_host;
#[cfg(feature = "vm")]
mod work;
#[cfg(feature = "vm")]
mod wycheproof;
mod zot;

/// What a test here ends with.
type Outcome = Result<(), Failure>;

/// A failure that shows as its text alone: a table of rows has no use for a backtrace.
struct Failure(anyhow::Error);

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self(error)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:#}", self.0)
    }
}
