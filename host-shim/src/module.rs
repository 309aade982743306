//! The filter that is part of this binary, and `registry-auth module`, which writes it out.

use std::fs;
use std::io::{IsTerminal as _, Write as _, stdout};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, ensure};

/// The module as `cargo xtask build` has built it; empty in a binary that was built without it.
const EMBEDDED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/registry-auth.wasm"));
/// How every WebAssembly file begins.
const MAGIC: &[u8] = b"\0asm";

/// Writes the filter that is part of this program to stdout
///
/// `registry-auth module > registry-auth.wasm` gives the file that Envoy and other proxy-wasm hosts
/// load.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {}

/// Writes the module to stdout.
///
/// # Errors
/// The binary holds no module, stdout is a terminal, or it cannot be written.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let module = embedded()?;
    let mut stdout = stdout().lock();
    ensure!(
        !stdout.is_terminal(),
        "the module is a binary file: write `registry-auth module > registry-auth.wasm`"
    );
    stdout
        .write_all(module)
        .and_then(|()| stdout.flush())
        .context("cannot write to stdout")?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the module of this binary.
///
/// # Errors
/// It was built without one.
pub(crate) fn embedded() -> anyhow::Result<&'static [u8]> {
    ensure!(
        !EMBEDDED.is_empty(),
        "this binary was built without the module: build it by `cargo xtask build`, or name a module by `--module FILE`"
    );
    Ok(EMBEDDED)
}

/// Reads the module in a file.
///
/// # Errors
/// The file cannot be read, or is not a WebAssembly module.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
    ensure!(
        bytes.starts_with(MAGIC),
        "`{}` is not a WebAssembly module",
        path.display()
    );
    Ok(bytes)
}
