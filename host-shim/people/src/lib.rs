//! How people log in, as `http.auth` of a zot file says: htpasswd, LDAP, social login, sessions and
//! API keys.
//!
//! Whatever a person presents is turned into a short signed token here, once; the filter verifies
//! and caches it like any other token, and sees no password but those that it hands over to be
//! checked.

#![cfg_attr(test, expect(clippy::too_many_lines, reason = "tables of test rows"))]

// So that what tests share names this package as those outside do.
#[cfg(test)]
extern crate self as registry_auth_people;

pub mod apikey;
#[cfg(test)]
mod cases;
pub mod config;
pub mod counters;
pub mod ended;
pub mod htpasswd;
pub mod ldap;
pub mod ldap_syntax;
pub mod limits;
pub mod login;
pub mod pages;
pub mod person;
#[cfg(test)]
mod programs;
pub mod random;
pub mod secret;
pub mod service;
pub mod session;
pub mod social;
pub mod store;
pub mod token;

pub use login::{ApiKeyMethod, Login};
pub use person::{LoginError, Method, Person};
pub use secret::Secret;
