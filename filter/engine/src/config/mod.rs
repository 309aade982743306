//! The configuration: raw (as written), then compiled, with every error and its place.

mod bearer;
mod compile;
mod decode;
mod duration;
mod error;
mod mint;
mod mtls;
mod proxy;
mod push;
pub mod raw;
mod reader;
#[cfg(test)]
mod tests;

pub use bearer::SECRET_SET;
pub use compile::{Compiled, LogLevel, compile};
pub use decode::{decode, decode_value};
pub use error::{ConfigError, Diagnostics};
pub use mint::{MINT_SET, algorithm as mint_algorithm};
pub use proxy::Enforcement;
pub use push::issuer_set;

/// What a plugin configuration makes of the plugin.
#[derive(Clone, Debug, PartialEq)]
pub enum Role {
    /// Decides requests.
    Filter(Box<raw::Document>),
    /// Takes pushed key sets.
    Intake(raw::FromEnv),
}
