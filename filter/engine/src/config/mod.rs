//! The configuration as it is written: what is there, and what cannot be read, each with its place.

mod decode;
mod digest;
pub mod duration;
mod error;
mod members;
mod protobuf;
pub mod raw;
mod reader;
pub(crate) mod sections;
mod unknown_key;

pub use decode::{decode, decode_value};
pub use digest::digest;
pub use error::{ConfigError, Diagnostics};
pub use reader::join as member_path;

/// What a plugin configuration makes of the plugin.
#[derive(Clone, Debug, PartialEq)]
pub enum Role {
    /// Decides requests.
    Filter(Box<raw::Document>),
    /// Takes pushed key sets.
    Intake(raw::Intake),
    /// The text is no configuration; the diagnostics say what it is instead.
    Unreadable,
}
