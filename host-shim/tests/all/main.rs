//! The binary as a process: against the real Secrets Manager API (moto) and an intake of our own.

mod check;
mod endpoints;
mod envelope;
mod http;
mod impostor;
mod intake;
mod issuer;
mod issuers;
mod moto;
mod sample;
mod serve;
mod shim;
mod start;
