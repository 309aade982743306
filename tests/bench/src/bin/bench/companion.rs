//! The programs that some rows need in addition to Envoy: processes of their own, whose CPU time is a part of what a
//! request costs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use registry_auth_harness::program::{Program, tool};
use registry_auth_harness::server::Server;
use tempfile::TempDir;

use crate::meter::Cpu;
use crate::{opa, zot};

/// A program in addition to Envoy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Companion {
    /// Open Policy Agent, which Envoy asks about each request.
    Opa,
    /// zot, which answers requests behind Envoy.
    Zot {
        /// It verifies tokens and has a policy; otherwise everybody may do everything.
        checks: bool,
    },
}

/// Where the programs are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Programs {
    opa: Option<PathBuf>,
    zot: Option<PathBuf>,
}

impl Programs {
    /// Finds OPA, if it is installed; zot is where the command line says.
    pub(crate) fn find(zot: Option<PathBuf>) -> Self {
        let opa = tool("bin/opa");
        Self {
            opa: opa.exists().then_some(opa),
            zot,
        }
    }

    /// Returns true if this program is there.
    pub(crate) fn has(&self, companion: Companion) -> bool {
        self.path(companion).is_some()
    }

    fn path(&self, companion: Companion) -> Option<&Path> {
        match companion {
            Companion::Opa => self.opa.as_deref(),
            Companion::Zot { .. } => self.zot.as_deref(),
        }
    }

    /// Starts a program, and waits until it can decide.
    ///
    /// # Errors
    /// It is missing, or does not start; the message ends with its log.
    pub(crate) fn start(&self, companion: Companion) -> Result<Running> {
        let path = self.path(companion).with_context(|| companion.missing())?;
        match companion {
            Companion::Opa => opa::start(path),
            Companion::Zot { checks } => zot::start(path, checks),
        }
    }
}

impl Companion {
    /// Why a row with it is left out, and what to do about it.
    pub(crate) const fn missing(self) -> &'static str {
        match self {
            Self::Opa => {
                "OPA is not in this run: it is not installed (`cargo xtask bench` without `--quick` does it)."
            }
            Self::Zot { .. } => "zot is not in this run: its program was not given (`--zot PATH`).",
        }
    }
}

/// A running program, ended on drop.
pub(crate) struct Running {
    program: Program,
    address: SocketAddr,
    _issuer: Option<Server>,
    _folder: TempDir,
}

impl Running {
    /// `folder` and `issuer` are kept as long as the program runs.
    pub(crate) const fn new(
        program: Program,
        address: SocketAddr,
        issuer: Option<Server>,
        folder: TempDir,
    ) -> Self {
        Self {
            program,
            address,
            _issuer: issuer,
            _folder: folder,
        }
    }

    /// Returns the address that it listens on.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the CPU time that it has used.
    ///
    /// # Errors
    /// It has ended.
    pub(crate) fn cpu(&self) -> Result<Cpu> {
        Cpu::of(self.program.process()).context(self.program.log())
    }

    /// Returns the end of its output, for messages.
    pub(crate) fn log(&self) -> String {
        self.program.log()
    }
}
