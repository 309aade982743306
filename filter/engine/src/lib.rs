//! Decides whether a request to a container registry may pass: who asks, by a token of the workload
//! or by a client certificate, and what an access control like zot's lets that caller do.
//!
//! The crate is pure. It opens no connection, reads no file and knows no clock: a request, the keys
//! that are held and the time come in, a [`Verdict`] comes out. Where a fact is missing, the
//! verdict is a [`Need`]; the host fetches it and asks again.
//!
//! # Example
//!
//! A configuration is [decoded][decode], then [compiled][fn@compile] to an [`Engine`], which
//! decides requests:
//!
//! ```
//! use registry_auth_engine::{
//!     Facts, Gathered, KeyRing, IdentityCache, PureRust, Reason, RequestHead, Role, UnixTime, Verdict, compile, decode,
//! };
//!
//! let text = br#"{ "http": { "accessControl": { "repositories": { "public/**": { "anonymousPolicy": ["read"] } } } } }"#;
//! let (role, mut diagnostics) = decode(text);
//! let Role::Filter(document) = role else { panic!("{diagnostics:?}") };
//! let engine = compile(&document, &mut diagnostics).expect("a configuration without errors").engine;
//!
//! let keys = KeyRing::of(engine.sources());
//! let facts = Facts { keys: &keys, gathered: &Gathered::default(), now: UnixTime::from_secs(1_800_000_000).into() };
//! let mut cache = IdentityCache::default();
//! let mut decide = |method, path| {
//!     let head = RequestHead { method, path, ..RequestHead::default() };
//!     engine.decide(&head, &facts, &mut cache, &PureRust)
//! };
//!
//! assert!(matches!(decide(b"GET", b"/v2/public/app/manifests/latest"), Verdict::Allow(_)));
//!
//! let Verdict::Deny(denied) = decide(b"DELETE", b"/v2/public/app/manifests/latest") else { panic!("not refused") };
//! assert_eq!(denied.reason, Reason::NoCredential);
//! assert_eq!(denied.reply(engine.realm(), b"/v2/public/app/manifests/latest").status, 401);
//! ```
//!
//! # Modules
//!
//! A module uses only what is below it (and what is left of it on its floor); a test checks that.
//!
//! ```text
//!  compile         from a configuration to an engine
//!  engine          from a request to a verdict: decide, identify, issue
//!  token_endpoint  what a client asks of the token endpoint, tokens that are minted
//!  decision        verdict, grant, refusal    authorizer what one caller may do
//!  edits           what changes in a head     ping       the answer to `GET /v2/`        record   what is written of a decision
//!  authz           policies, patterns, conditions
//!  authn           credentials, tokens, certificates, claim mappings, identities
//!  facts           what the host knows        question   what the registry is asked     parking  who may wait
//!  keys            keys, their sources and caches, the envelopes that push them
//!  login           what filter and login service say to each other (right of keys)
//!  config          what is written in a configuration
//!  reply           answers of our own         catalog    the catalog as a caller may see it
//!  route           paths of the registry      access     what a route needs             scope    scopes of tokens
//!  json, url, time, reason, request, media, x509, trace
//! ────────────────────────────────────────────────────────────────────────────────────────────────────────────
//!  registry_auth_cel    CEL and RE2 patterns      registry_auth_bytes    header fields, paths and names: crates of their own
//! ```

#![cfg_attr(test, expect(clippy::too_many_lines, reason = "tables of test rows"))]

pub mod access;
pub mod authn;
mod authorizer;
pub mod authz;
pub mod catalog;
pub mod compile;
pub mod config;
pub mod decision;
pub mod edits;
pub mod engine;
pub mod facts;
#[cfg(test)]
mod floors;
pub mod json;
pub mod keys;
pub mod login;
mod media;
pub mod parking;
mod ping;
pub mod question;
pub mod reason;
pub mod record;
pub mod reply;
pub mod request;
pub mod route;
pub mod scope;
pub mod time;
pub mod token_endpoint;
pub mod topic;
pub mod trace;
pub mod url;
mod x509;

pub use authn::cache::IdentityCache;
pub use authn::identity::Identity;
pub use authn::verify::{PureRust, SignatureVerifier};
pub use compile::{Compiled, compile};
pub use config::{Diagnostics, Role, decode};
pub use decision::{Denied, Grant, LocalReply, Verdict};
pub use engine::Engine;
pub use facts::{Facts, Gathered, Need, Now};
pub use keys::source::KeyRing;
pub use reason::Reason;
pub use registry_auth_bytes::fields;
pub use reply::Reply;
pub use request::{CertificateSummary, Connection, RequestHead, SummaryNeeds};
pub use time::UnixTime;
