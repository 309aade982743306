//! The C ABI of Envoy's dynamic modules, as Envoy 1.40 has it (`v0.2.0`): all code of the module that the compiler cannot
//! check.
//!
//! What holds for all of it:
//! - Envoy's objects are named by addresses. A [`Stream`] is used only on the thread of its request, and is forgotten when
//!   Envoy ends the request; a [`Config`] is used only in the hooks of the main thread that bring it.
//! - Memory that Envoy shows is copied before the call returns to it.
//! - No panic leaves a hook ([`crate::guard`]).

mod calls;
#[cfg_attr(test, path = "abi/fake.rs")]
mod declared;
mod handles;
mod hooks;
#[cfg(test)]
mod tests;

pub(crate) use calls::{ConfigScheduler, StreamScheduler, is_validation, log};
pub(crate) use handles::{Config, Stream};
