//! Load: sends requests over sixteen open connections, the next one as soon as the last is
//! answered.

pub(crate) mod own;
mod wrk;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, ensure};
use registry_auth_harness::program::tool;

/// Number of connections.
pub(crate) const CONNECTIONS: usize = 16;
/// The path of all requests.
const TARGET: &str = "/v2/team/app/manifests/v1";
/// The load generator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Generator {
    /// The program wrk.
    Wrk(PathBuf),
    /// The built-in one: slower, but it counts exactly and has no dependencies.
    Own,
}

/// How credentials are presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// Tokens.
    Bearer,
    /// Names and passwords.
    Basic,
}

/// The requests to send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load<'a> {
    /// The listener.
    pub(crate) address: SocketAddr,
    /// How the credentials are presented (RFC 9110 section 11.4).
    pub(crate) scheme: Scheme,
    /// The tokens, or names with passwords in base64, which take turns.
    pub(crate) tokens: &'a [String],
    /// Each token is sent once, and the load ends with the last.
    pub(crate) once: bool,
    /// Time limit.
    pub(crate) time: Duration,
}

impl Generator {
    /// wrk of `.tools`, if it was installed.
    pub(crate) fn best() -> Self {
        let wrk = tool("bin/wrk");
        if wrk.exists() {
            Self::Wrk(wrk)
        } else {
            Self::Own
        }
    }

    /// Returns its name in the table.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Wrk(_) => "wrk -t1 -c16",
            Self::Own => "own load generator, 16 connections",
        }
    }

    /// Sends the requests and returns how many of them were answered with 200.
    ///
    /// # Errors
    /// Any other response, a broken connection, or no response: the measurement would be wrong.
    pub(crate) fn send(&self, load: &Load<'_>) -> Result<u64> {
        let sent = match self {
            Self::Wrk(program) => wrk::send(program, load),
            Self::Own => own::send(load),
        }?;
        ensure!(sent > 0, "no request was answered");
        Ok(sent)
    }
}
