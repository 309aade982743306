//! The token of a workload as the credential of its registry clients: the Docker credential helper
//! `docker-credential-registry-auth`, and the credential provider of the kubelet.
//!
//! A token is fetched each time that a client asks, from where the workload has its identity. It is
//! checked before it is printed, is nowhere else, and is not kept. Modules use those above them:
//!
//! ```text
//!  clock        the time of the machine
//!  environment  variables and files of it
//!  owned        who may change a file
//!  http         one request, with its limits
//!  token        whether a token is good for a registry
//!  source       where a token comes from, as it is written
//!  source_error why a source gives none
//!  sources      fetching from each of them
//!  settings     which registry has which source: the file of settings
//!  fetch        a token that has been checked
//!  server       the registry in what a client asks for
//!  helper       the protocol of Docker
//!  kubelet      the protocol of the kubelet
//! ```

pub mod clock;
pub mod environment;
pub mod fetch;
pub mod helper;
mod http;
pub mod kubelet;
mod owned;
pub mod server;
pub mod settings;
pub mod source;
mod source_error;
mod sources;
pub mod token;
