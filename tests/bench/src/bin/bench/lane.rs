//! A row as it is measured: its tokens, its companion, its listener, and what is sent to it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use registry_auth_harness::envoy::Envoy;
use registry_auth_harness::substrate::now;
use registry_auth_harness::workload::{self, Algorithm};

use crate::companion::{Companion, Programs, Running};
use crate::load::{Generator, Load, Scheme};
use crate::probe;
use crate::row::{Row, Traffic};
use crate::stand::{Answer, Listener};

/// A row that is being measured.
pub(crate) struct Lane {
    pub(crate) row: Row,
    tokens: Vec<String>,
    /// How many tokens are used once before new ones are made.
    fresh: usize,
    /// Number of times that new tokens were minted.
    batches: usize,
    /// The companion.
    pub(crate) running: Option<Running>,
}

impl Lane {
    /// Makes the tokens of a row; `fresh` of them, if each is used once.
    ///
    /// # Errors
    /// A key of the fixtures is missing.
    pub(crate) fn new(row: &Row, fresh: usize) -> Result<Self> {
        let mut lane = Self {
            row: row.clone(),
            tokens: Vec::new(),
            fresh,
            batches: 0,
            running: None,
        };
        lane.tokens = match row.traffic {
            Traffic::Same(algorithm) => vec![workload::token(algorithm, now())?],
            Traffic::Rotation(algorithm, count) => workload::tokens(algorithm, 0, count, now())?,
            Traffic::Once(algorithm) => lane.mint(algorithm)?,
        };
        Ok(lane)
    }

    /// Starts the companion, if the row has one.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) fn start_companion(&mut self, programs: &Programs) -> Result<()> {
        self.running = None;
        if let Some(companion) = self.row.companion {
            self.running = Some(programs.start(companion)?);
        }
        Ok(())
    }

    /// The listener of the row.
    pub(crate) fn listener(&self) -> Listener {
        let row = &self.row;
        let mut listener = Listener::new(&row.id, row.chain);
        let address = self.running.as_ref().map(Running::address);
        match row.companion {
            Some(Companion::Opa) => listener.asked = address,
            Some(Companion::Zot { .. }) => {
                listener.answer = address.map_or(Answer::Direct, Answer::Upstream);
            }
            None => {}
        }
        listener
    }

    /// Checks that the row refuses what it has to refuse.
    ///
    /// # Errors
    /// It does not.
    pub(crate) fn probe(&self, envoy: &Envoy) -> Result<()> {
        let row = &self.row;
        let token = self.tokens.first().context("a row has tokens")?;
        if row.verifies() {
            probe::refuses(envoy.listener(&row.id)?, token)
                .with_context(|| format!("row {}", row.id))?;
        }
        Ok(())
    }

    /// Makes new tokens, if each is used once.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn renew(&mut self) -> Result<()> {
        if let Traffic::Once(algorithm) = self.row.traffic {
            self.tokens = self.mint(algorithm)?;
        }
        Ok(())
    }

    fn mint(&mut self, algorithm: Algorithm) -> Result<Vec<String>> {
        let batch = self.batches;
        self.batches += 1;
        workload::tokens(algorithm, batch, amount(algorithm, self.fresh), now())
    }

    /// Sends requests for this time, and returns how many were answered with 200.
    ///
    /// # Errors
    /// Any other response; the message has the ends of the logs.
    pub(crate) fn send(&self, envoy: &Envoy, time: Duration, generator: &Generator) -> Result<u64> {
        let row = &self.row;
        let once = matches!(row.traffic, Traffic::Once(_));
        let load = Load {
            address: envoy.listener(&row.id)?,
            scheme: Scheme::Bearer,
            tokens: &self.tokens,
            once,
            time,
        };
        generator.send(&load).with_context(|| {
            format!(
                "row {}; the log of Envoy ends\n{}\n{}",
                row.id,
                envoy.log_tail(),
                self.running.as_ref().map_or_else(String::new, Running::log)
            )
        })
    }
}

/// Returns the number of new tokens for a row: fewer for PS256, which the module verifies itself,
/// about ten times as slow.
fn amount(algorithm: Algorithm, fresh: usize) -> usize {
    if algorithm.name == "PS256" {
        fresh.div_ceil(4)
    } else {
        fresh
    }
}
