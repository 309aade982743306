//! Measures the rows in turn, A B C A B C, so that changes of the machine's speed affect all rows, and
//! with a new Envoy for each round: V8 lays code out differently at each start, which changes what a module
//! costs by a tenth of what `jwt_authn` costs.

use std::time::Duration;

use anyhow::{Context as _, Result};
use registry_auth_harness::envoy::Envoy;
use registry_auth_harness::substrate::now;
use registry_auth_harness::workload::{self, Algorithm};

use crate::companion::{Companion, Programs, Running};
use crate::figure::median;
use crate::load::{Generator, Load, Scheme};
use crate::meter::Cpu;
use crate::probe;
use crate::row::{Row, Traffic};
use crate::stand::{Answer, Files, Listener};

/// Turns of each row in a round.
const TURNS: usize = 2;

/// Durations and number of rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Rounds, each with an Envoy of its own and with every row.
    pub(crate) rounds: usize,
    /// Duration of a row in a turn.
    pub(crate) time: Duration,
    /// Duration of the warm-up of each row, in which V8 optimizes hot code.
    pub(crate) warm_up: Duration,
    /// Tokens that are used once, for each row and round that needs them.
    pub(crate) fresh: usize,
}

/// The result of a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measured {
    /// The row.
    pub(crate) row: Row,
    /// CPU time of the Envoy process for each request, in microseconds; one value a round.
    pub(crate) samples: Vec<f64>,
    /// That of its companion; empty if there is none.
    pub(crate) companion: Vec<f64>,
    /// Requests in all rounds.
    pub(crate) requests: u64,
}

impl Measured {
    /// The median of the rounds.
    pub(crate) fn median(&self) -> f64 {
        median(&self.samples)
    }
}

/// Measures the rows.
///
/// # Errors
/// Envoy or a companion does not start, answers something else than 200, or does not refuse what
/// [`probe`] sends.
pub(crate) fn measure(
    rows: &[Row],
    plan: &Plan,
    generator: &Generator,
    files: &Files,
    programs: &Programs,
) -> Result<Vec<Measured>> {
    let mut lanes = rows
        .iter()
        .map(|row| Lane::new(row, plan))
        .collect::<Result<Vec<_>>>()?;
    for round in 1..=plan.rounds {
        eprintln!("round {round} of {}", plan.rounds);
        let mut listeners = Vec::new();
        for lane in &mut lanes {
            lane.running = None;
            if let Some(companion) = lane.measured.row.companion {
                lane.running = Some(programs.start(companion)?);
            }
            listeners.push(lane.listener());
        }
        let envoy = files.start(&listeners, 1)?;
        for lane in &mut lanes {
            lane.send(&envoy, plan.warm_up, &Generator::Own)?;
            lane.probe(&envoy)?;
        }
        for _ in 0..TURNS {
            for lane in &mut lanes {
                lane.measure(&envoy, plan, generator)?;
            }
        }
        lanes.iter_mut().for_each(Lane::end_round);
    }
    Ok(lanes.into_iter().map(|lane| lane.measured).collect())
}

/// A row that is being measured.
struct Lane {
    measured: Measured,
    tokens: Vec<String>,
    /// Number of times that new tokens were minted.
    batches: usize,
    /// The companion, in this round.
    running: Option<Running>,
    /// CPU time and requests of this round.
    used: Duration,
    used_by_companion: Duration,
    requests: u64,
}

impl Lane {
    fn new(row: &Row, plan: &Plan) -> Result<Self> {
        let tokens = match row.traffic {
            Traffic::Same(algorithm) => vec![workload::token(algorithm, now())?],
            Traffic::Rotation(algorithm, count) => workload::tokens(algorithm, 0, count, now())?,
            Traffic::Once(algorithm) => {
                workload::tokens(algorithm, 0, amount(algorithm, plan), now())?
            }
        };
        Ok(Self {
            measured: Measured {
                row: row.clone(),
                samples: Vec::new(),
                companion: Vec::new(),
                requests: 0,
            },
            tokens,
            batches: 0,
            running: None,
            used: Duration::ZERO,
            used_by_companion: Duration::ZERO,
            requests: 0,
        })
    }

    fn listener(&self) -> Listener {
        let row = &self.measured.row;
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
    fn probe(&self, envoy: &Envoy) -> Result<()> {
        let row = &self.measured.row;
        let token = self.tokens.first().context("a row has tokens")?;
        if row.verifies() {
            probe::refuses(envoy.listener(&row.id)?, token)
                .with_context(|| format!("row {}", row.id))?;
        }
        Ok(())
    }

    fn measure(&mut self, envoy: &Envoy, plan: &Plan, generator: &Generator) -> Result<()> {
        if let Traffic::Once(algorithm) = self.measured.row.traffic {
            self.batches += 1;
            self.tokens =
                workload::tokens(algorithm, self.batches, amount(algorithm, plan), now())?;
        }
        let before = Cpu::of(envoy.process())?;
        let companion = self.cpu_of_companion()?;
        let requests = self.send(envoy, plan.time, generator)?;
        self.used += Cpu::of(envoy.process())? - before;
        self.used_by_companion += self.cpu_of_companion()? - companion;
        self.requests += requests;
        Ok(())
    }

    /// What the companion has used; none without one.
    fn cpu_of_companion(&self) -> Result<Cpu> {
        self.running.as_ref().map_or(Ok(Cpu::ZERO), Running::cpu)
    }

    fn end_round(&mut self) {
        let requests = std::mem::take(&mut self.requests);
        let [used, companion] = [&mut self.used, &mut self.used_by_companion]
            .map(|used| each(std::mem::take(used), requests));
        self.measured.samples.push(used);
        if self.running.take().is_some() {
            self.measured.companion.push(companion);
        }
        self.measured.requests += requests;
    }

    fn send(&self, envoy: &Envoy, time: Duration, generator: &Generator) -> Result<u64> {
        let row = &self.measured.row;
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

/// Microseconds for each request.
fn each(used: Duration, requests: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let requests = requests as f64;
    used.as_secs_f64() * 1e6 / requests
}

/// Returns the number of new tokens for a row: fewer for PS256, which the module verifies itself,
/// about ten times as slow.
fn amount(algorithm: Algorithm, plan: &Plan) -> usize {
    if algorithm.name == "PS256" {
        plan.fresh.div_ceil(4)
    } else {
        plan.fresh
    }
}
