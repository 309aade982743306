//! Decides whether a workload token may do what a container registry request asks for.

pub mod access;
pub mod authn;
pub mod authz;
pub mod cel;
pub mod config;
pub mod json;
pub mod request;
pub mod time;
