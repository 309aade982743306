//! The configuration: raw (as written), then compiled, with every error and its place.

mod error;
pub mod raw;

pub use error::{ConfigError, Diagnostics};
