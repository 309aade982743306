//! What every request is read with, byte by byte. It knows nothing of registries and decides nothing.
//!
//! A package of its own so that the module has it compiled for speed, and everything else for size.

pub mod fields;
pub mod name;
mod same;
mod target;

pub use same::is_same;
pub use target::Target;
