//! Sends many requests through the real Envoy while keys and policy change, and checks that its
//! memory stays flat and every response is right. `cargo xtask soak` builds what it needs and
//! starts it.

mod crowd;
mod fixture;
mod memory;
mod page;

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use registry_auth_harness::exit;

use crate::fixture::Fixture;

const REQUESTS: u64 = 10_000_000;

fn main() -> ExitCode {
    exit::code(run())
}

fn run() -> Result<()> {
    let (requests, write) = read(std::env::args().skip(1))?;
    let soaked = Fixture::set_up()?.soak(requests)?;
    let page = page::text(&soaked)?;
    eprintln!("{page}");
    soaked.memory.check()?;
    if write { page::write(&page) } else { Ok(()) }
}

/// Reads the arguments: the number of requests, and true if the page is written.
fn read(arguments: impl Iterator<Item = String>) -> Result<(u64, bool)> {
    let (mut requests, mut write) = (REQUESTS, false);
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--write" => write = true,
            "--requests" => {
                let number = arguments.next().context("`--requests` lacks its number")?;
                requests = number.parse().context("`--requests` is a number")?;
            }
            _ => bail!("`{argument}` is unknown"),
        }
    }
    Ok((requests, write))
}
