//! `registry-auth run`: the real binary with the real Envoy.

mod again;
mod browser;
mod changes;
mod documents;
pub(crate) mod fixture;
mod issuers;
mod log;
mod pages;
mod people;
mod process;
mod refusal;
mod refusals;
mod replaced;
mod speed;
mod tls;
mod trace;
mod versions;
