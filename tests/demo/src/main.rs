//! Demonstrates the main use case on one machine, step by step; `cargo xtask demo` builds what it
//! needs and starts it.

mod browser;
mod github;
mod services;
mod story;

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use registry_auth_harness::exit;
use tokio::signal::unix::{SignalKind, signal};

use crate::services::Services;

fn main() -> ExitCode {
    exit::code(run())
}

fn run() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let keep = match arguments
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .as_slice()
    {
        [] => false,
        ["--keep"] => true,
        _ => bail!("the only argument is `--keep`"),
    };
    let services = Services::set_up()?;
    if let Err(error) = story::tell(&services) {
        eprintln!("\n{}", services.logs());
        return Err(error);
    }
    if keep {
        services.describe()?;
        wait_for_signal()?;
    }
    Ok(())
}

fn wait_for_signal() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime")?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        Ok(())
    })
}
