//! Measures the rows in turn, A B C A B C, so that changes of the machine's speed affect all rows, and
//! with a new Envoy for each round: V8 lays code out differently at each start, which changes what a module
//! costs by a tenth of what `jwt_authn` costs.

use std::time::Duration;

use anyhow::Result;
use registry_auth_harness::envoy::Envoy;

use crate::companion::{Programs, Running};
use crate::figure::median;
use crate::lane::Lane;
use crate::load::Generator;
use crate::meter::Cpu;
use crate::row::Row;
use crate::stand::Files;

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
    let mut turns = rows
        .iter()
        .map(|row| Turns::new(row, plan))
        .collect::<Result<Vec<_>>>()?;
    for round in 1..=plan.rounds {
        eprintln!("round {round} of {}", plan.rounds);
        let mut listeners = Vec::new();
        for Turns { lane, .. } in &mut turns {
            lane.start_companion(programs)?;
            listeners.push(lane.listener());
        }
        let envoy = files.start(&listeners, 1)?;
        for Turns { lane, .. } in &turns {
            lane.send(&envoy, plan.warm_up, &Generator::Own)?;
            lane.probe(&envoy)?;
        }
        for _ in 0..TURNS {
            for row in &mut turns {
                row.take(&envoy, plan, generator)?;
            }
        }
        turns.iter_mut().for_each(Turns::end_round);
    }
    Ok(turns.into_iter().map(|row| row.measured).collect())
}

/// The turns of a row.
struct Turns {
    lane: Lane,
    measured: Measured,
    /// CPU time and requests of this round.
    used: Duration,
    used_by_companion: Duration,
    requests: u64,
}

impl Turns {
    fn new(row: &Row, plan: &Plan) -> Result<Self> {
        Ok(Self {
            lane: Lane::new(row, plan.fresh)?,
            measured: Measured {
                row: row.clone(),
                samples: Vec::new(),
                companion: Vec::new(),
                requests: 0,
            },
            used: Duration::ZERO,
            used_by_companion: Duration::ZERO,
            requests: 0,
        })
    }

    fn take(&mut self, envoy: &Envoy, plan: &Plan, generator: &Generator) -> Result<()> {
        self.lane.renew()?;
        let before = Cpu::of(envoy.process())?;
        let companion = self.cpu_of_companion()?;
        let requests = self.lane.send(envoy, plan.time, generator)?;
        self.used += Cpu::of(envoy.process())? - before;
        self.used_by_companion += self.cpu_of_companion()? - companion;
        self.requests += requests;
        Ok(())
    }

    /// What the companion has used; none without one.
    fn cpu_of_companion(&self) -> Result<Cpu> {
        let running = self.lane.running.as_ref();
        running.map_or(Ok(Cpu::ZERO), Running::cpu)
    }

    fn end_round(&mut self) {
        let requests = std::mem::take(&mut self.requests);
        let [used, companion] = [&mut self.used, &mut self.used_by_companion]
            .map(|used| each(std::mem::take(used), requests));
        self.measured.samples.push(used);
        if self.lane.running.take().is_some() {
            self.measured.companion.push(companion);
        }
        self.measured.requests += requests;
    }
}

/// Microseconds for each request.
fn each(used: Duration, requests: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let requests = requests as f64;
    used.as_secs_f64() * 1e6 / requests
}
