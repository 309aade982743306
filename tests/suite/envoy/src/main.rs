//! The tests of the built module in the real Envoy, with registries and their clients. `cargo xtask
//! tools` installs all of them.

mod client_address;
mod clients;
mod conformance;
mod credential;
mod crowd;
mod delay;
mod dynamic;
mod explained;
mod failures;
mod fields;
mod hostile;
mod hosts;
mod kube;
mod minting;
mod mounts;
mod mtls;
mod names;
mod parking;
mod pushed;
mod records;
mod refused;
mod reload;
mod rendered;
mod routes;
mod run;
mod scenarios;
mod shipped;
mod token_server;
mod traps;
mod virtual_host;
mod workloads;
mod wycheproof;

use registry_auth_cases::Outcome;
