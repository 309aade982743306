//! Decides whether a workload token may do what a container registry request asks for.

pub mod access;
pub mod authn;
mod authority;
pub mod authz;
pub mod catalog;
pub mod compile;
pub mod config;
pub mod decision;
pub mod edits;
pub mod engine;
pub mod facts;
pub mod fields;
#[cfg(test)]
mod floors;
pub mod json;
pub mod keys;
mod media;
pub mod parking;
mod ping;
pub mod question;
pub mod reason;
pub mod reply;
pub mod request;
pub mod route;
pub mod scope;
pub mod time;
pub mod token_endpoint;
pub mod url;
