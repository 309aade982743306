//! Pull secrets with tokens of service accounts: what `registry-auth controller` does.
//!
//! Service accounts that opt in get a Secret with a token of theirs for each registry, bound to the
//! Secret, which is written again in the middle of its life. What has to exist is decided from data
//! ([`account`], [`plan`](mod@plan), [`lease`], [`queue`]) and carried out elsewhere. Modules use those above them:
//!
//! ```text
//!  names         labels, annotations and names
//!  registry      a registry and its audience
//!  settings      what the operator wants
//!  times         when a Secret is written again
//!  account       what a service account gets
//!  held          what is known of a Secret
//!  plan          what has to be done
//!  document      what is sent
//!  call          one request to the API server
//!  kubeconfig    how it is reached
//!  problem       why an object is not as it should be
//!  tokens        tokens of a service account
//!  pull_secret   one pull secret, looked after
//!  argo          one repository Secret of Argo CD
//!  status        metrics
//!  lease, leader who leads
//!  event, reports problems, for their owners
//!  known, watch  objects as the API server shows them
//!  queue         when each is looked after
//!  controller    the loop
//! ```

pub mod account;
mod argo;
mod call;
pub mod controller;
mod document;
mod event;
pub mod held;
mod known;
pub mod kubeconfig;
mod leader;
pub mod lease;
pub mod names;
pub mod plan;
mod problem;
mod pull_secret;
pub mod queue;
pub mod registry;
mod reports;
pub mod settings;
pub mod status;
mod times;
mod tokens;
mod watch;

/// The target of log lines that are not to be shown: kube-rs logs answers that it cannot read, whole.
pub const SILENT: &str = "kube_client";
