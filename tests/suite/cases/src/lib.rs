//! Cases that more than one suite runs: the engine, the module on wasmtime and the module in Envoy
//! must have the same results.

pub mod client_address;
pub mod delay;
pub mod explained;
pub mod hostile;
pub mod minting;
mod outcome;
pub mod parking;
pub mod probe;
pub mod reference;
pub mod refused;
pub mod signatures;
pub mod trap;
pub mod wycheproof;

pub use outcome::Outcome;
