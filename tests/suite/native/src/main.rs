//! The tests of the engine by itself. They need neither the module nor a proxy.

mod configuration_page;
mod differential;
mod examples;
mod formatting;
mod hosts;
mod identity;
mod left_out;
mod minting;
mod readme;
mod reasons;
mod routes;
mod scenarios;
mod shipped;
mod threats;
mod wycheproof;
mod zot;

use registry_auth_cases::Outcome;
