//! What more than one suite runs: the engine, the module on wasmtime and the module in Envoy have to come out alike.

pub mod client_address;
pub mod delay;
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
