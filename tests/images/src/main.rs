//! Tests of what `cargo xtask image` writes, with a real registry and the clients that people use.
//!
//! `cargo xtask chart` writes the layouts, installs the clients and runs this.

#[cfg(test)]
mod all_in_one;
#[cfg(test)]
mod layouts;
#[cfg(test)]
mod programs;
#[cfg(test)]
mod registry;
#[cfg(test)]
mod sbom;
#[cfg(test)]
mod transfer;
