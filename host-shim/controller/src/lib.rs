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
//!  said          what a server says
//!  bounded       answers with a bound
//!  call          one request to the API server
//!  kubeconfig    how it is reached
//!  problem       why an object is not as it should be
//!  tokens        tokens of a service account
//!  pull_secret   one pull secret, looked after
//!  repository    what a repository Secret of Argo CD is for
//!  argo          one repository Secret of Argo CD
//!  status        metrics
//!  lease, leader who leads
//!  event, reports problems, for their owners
//!  light         objects, as far as they are decoded
//!  known, watch  objects as the API server shows them
//!  item, queue   what is looked after, and when
//!  controller    the loop
//! ```

pub mod account;
mod argo;
mod bounded;
mod call;
pub mod controller;
mod document;
mod event;
pub mod held;
mod item;
mod known;
pub mod kubeconfig;
mod leader;
pub mod lease;
mod light;
pub mod names;
pub mod plan;
mod problem;
mod pull_secret;
pub mod queue;
pub mod registry;
mod reports;
mod repository;
mod said;
pub mod settings;
pub mod status;
mod times;
mod tokens;
mod watch;

/// How the targets of log lines begin that are not to be shown: kube-rs logs answers that it cannot
/// read, whole, and what a server says, as it is. Whatever matters of that is in our own lines.
pub const SILENT: &str = "kube";
