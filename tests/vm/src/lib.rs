//! A proxy-wasm host on wasmtime: runs a filter as Envoy does, without Envoy.
//!
//! A [`Vm`] holds one module and one configured plugin. A test opens requests, reads the progress
//! of each, responds to the HTTP calls of the module, and moves the clock. Nothing happens by
//! itself and there is no global state, so tests run in parallel and are deterministic. The host
//! counts host calls and fuel, injects faults into host calls ([`host::Fault`]), and copies a VM
//! with its whole state ([`Vm::copy`]).
//!
//! It implements proxy-wasm ABI 0.2.1 as far as HTTP filters use it, the functions of WASI preview
//! 1 that Envoy has, and Envoy's foreign function `verify_signature`.
//!
//! ```no_run
//! use registry_auth_harness::client::Request;
//! use registry_auth_vm::{Compiled, Progress, Setup, Vm};
//!
//! # fn main() -> anyhow::Result<()> {
//! let module = Compiled::new(&std::fs::read("target/registry-auth.wasm")?)?;
//! let mut vm = Vm::start(&module, Setup::of_scenarios(br#"{ "http": { "accessControl": { "repositories": {} } } }"#))?;
//! let request = vm.open(&Request::new("GET", "/v2/team/app/tags/list"))?;
//! let Progress::Answered(answer) = vm.progress(request)? else { anyhow::bail!("it was let through") };
//! assert_eq!(answer.status, 401);
//! # Ok(())
//! # }
//! ```

mod compiled;
pub mod host;
mod setup;
mod vm;

pub use compiled::Compiled;
pub use setup::Setup;
pub use vm::{Progress, Vm};
