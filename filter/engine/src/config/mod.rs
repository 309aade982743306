//! The configuration: raw (as written), then compiled, with every error and its place.

mod bearer;
mod compile;
mod decode;
mod duration;
mod error;
mod issuer;
mod mint;
mod mtls;
mod protobuf;
mod proxy;
mod push;
pub mod raw;
mod reader;
mod sections;
#[cfg(test)]
mod tests;
mod unknown_key;
mod user_names;

pub use compile::{Compiled, LogLevel, compile};
pub use decode::{decode, decode_value};
pub use error::{ConfigError, Diagnostics};
pub use mint::algorithm as mint_algorithm;
pub use proxy::{Enforcement, Upstream};

/// What a plugin configuration makes of the plugin.
#[derive(Clone, Debug, PartialEq)]
pub enum Role {
    /// Decides requests.
    Filter(Box<raw::Document>),
    /// Takes pushed key sets.
    Intake(raw::FromEnv),
    /// The text is no configuration; the diagnostics say what it is instead.
    Unreadable,
}
