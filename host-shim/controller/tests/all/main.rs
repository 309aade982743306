//! The controller against an API server: the stub of these tests, and the real one where `cargo xtask
//! kube` has built it.

#![expect(clippy::too_many_lines, reason = "tables of test rows")]
#![expect(clippy::indexing_slicing, reason = "helpers of tests")]

mod admin;
mod faults;
mod lasting;
mod namespaces;
mod repositories;
mod running;
mod scenarios;
mod stub;
