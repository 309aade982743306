//! Load: requests over sixteen connections that stay open, as fast as they are answered.

mod own;
mod wrk;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use registry_auth_harness::program::tool;

/// Connections at once.
pub(crate) const CONNECTIONS: usize = 16;
/// The path of all requests.
const TARGET: &str = "/v2/team/app/manifests/v1";
/// What makes the load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Generator {
    /// The program wrk.
    Wrk(PathBuf),
    /// The one in here: slower, but it counts exactly and needs nothing.
    Own,
}

/// What to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load<'a> {
    /// The listener.
    pub(crate) address: SocketAddr,
    /// The tokens, which take turns.
    pub(crate) tokens: &'a [String],
    /// Each token is sent once, and the load ends with the last.
    pub(crate) once: bool,
    /// How long, at most.
    pub(crate) time: Duration,
}

impl Generator {
    /// wrk of `.tools`, if it was installed.
    pub(crate) fn best() -> Self {
        let wrk = tool("bin/wrk");
        if wrk.exists() { Self::Wrk(wrk) } else { Self::Own }
    }

    /// For the reader of the table.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Wrk(_) => "wrk -t1 -c16",
            Self::Own => "own load generator, 16 connections",
        }
    }

    /// Sends, and gives how many requests were answered with 200.
    ///
    /// # Errors
    /// Any other answer, a broken connection, or no answer at all: what is measured would not be what was meant.
    pub(crate) fn send(&self, load: &Load<'_>) -> Result<u64> {
        let sent = match self {
            Self::Wrk(program) => wrk::send(program, load),
            Self::Own => own::send(load),
        }?;
        ensure!(sent > 0, "no request was answered");
        Ok(sent)
    }
}
