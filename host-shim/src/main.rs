//! The native companion: key shim and command line.

mod check;
mod clock;
mod configuration;
mod envelope;
mod exchange;
mod feedback;
mod fetch;
mod file;
mod generation;
mod inline;
mod intake;
mod issuer;
mod keys;
mod listen;
mod logging;
mod metrics;
mod overlap;
mod pace;
mod push;
mod refresh;
mod secrets;
mod serve;
mod source;
mod status;
mod token;
mod trust;
mod zot;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Keys and command line of the registry-auth filter
#[derive(Debug, Parser)]
#[command(name = "registry-auth", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Arguments),
    Check(check::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
