//! Tests of the binary as a process, with moto as Secrets Manager and an intake for tests.

#![expect(clippy::too_many_lines, reason = "tables of test rows")]

mod check;
mod controller;
mod credentials;
mod diff;
mod dns;
mod endpoints;
mod envelope;
mod explain;
mod fields;
mod generations;
mod http;
mod impostor;
mod intake;
mod issuer;
mod issuer_files;
mod issuers;
mod kubernetes;
mod live;
mod mistakes;
mod moto;
mod names;
mod namespace;
mod people;
mod playground;
mod render;
mod reports;
mod sample;
mod sealed;
mod serve;
mod shim;
mod start;
mod workloads;
