//! Rows of a scenario file, with each of their host calls failing in turn.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::wasm::{Trial, Wasm};
use anyhow::{Context as _, Result};
use registry_auth_harness::client::Request;
use registry_auth_harness::scenario::{Row, Scenarios};
use registry_auth_harness::substrate::Substrate as _;
use registry_auth_vm::Progress;
use registry_auth_vm::host::{Calls, Failure, Fault, Lie, Status};

use super::judge;

/// Each call fails in this way.
const FAILS: Failure = Failure::Status(Status::InternalFailure);
/// Some fail in one of these, in turn.
const OTHERS: [Failure; 9] = [
    Failure::Status(Status::BadArgument),
    Failure::Status(Status::NotFound),
    Failure::Status(Status::Unheard),
    Failure::Lie(Lie::Nothing),
    Failure::Lie(Lie::Nowhere),
    Failure::Lie(Lie::Elsewhere),
    Failure::Lie(Lie::TooMany),
    Failure::Lie(Lie::Noise),
    Failure::Lie(Lie::Spare),
];
/// One in this number of calls fails in another way too; prime, so that every call does at some
/// time.
const SAMPLE: usize = 5;
/// Without these no request can be answered, or let through.
const NEEDED: [&str; 3] = [
    "proxy_send_local_response",
    "proxy_continue_stream",
    "proxy_set_effective_context",
];

/// Numbers of requests and faults, and the wrong outcomes.
#[derive(Default)]
pub(super) struct Sweep {
    /// How many requests were sent.
    pub(super) trials: usize,
    /// Host calls that have failed.
    pub(super) calls: BTreeSet<&'static str>,
    /// One line for each wrong outcome.
    pub(super) wrong: Vec<String>,
}

/// One row on the VM of its configuration.
struct Case<'a> {
    wasm: &'a mut Wasm,
    config: usize,
    request: Request,
    undisturbed: Trial,
    place: String,
}

impl Sweep {
    /// Tries rows of a file; in every way if `exhaustive`.
    pub(super) fn of(file: &Scenarios, rows: &[Row], exhaustive: bool) -> Result<Self> {
        let mut sweep = Self::default();
        let mut wasm = Wasm::stopped()?;
        let mut served = BTreeMap::new();
        for row in rows {
            let place = format!("{}.json, `{}`", file.name, row.name);
            let config = match served.entry(&row.config) {
                Entry::Occupied(number) => *number.get(),
                Entry::Vacant(new) => {
                    let config = file
                        .configs
                        .get(&row.config)
                        .with_context(|| place.clone())?;
                    *new.insert(wasm.serve(config).with_context(|| place.clone())?)
                }
            };
            let request = file.request(row, wasm.now())?;
            let undisturbed = wasm
                .try_on_copy(config, &request, None)
                .with_context(|| place.clone())?;
            sweep.row(
                &mut Case {
                    wasm: &mut wasm,
                    config,
                    request,
                    undisturbed,
                    place,
                },
                exhaustive,
            );
        }
        Ok(sweep)
    }

    /// Adds the results of other rows.
    pub(super) fn add(&mut self, other: Self) {
        self.trials += other.trials;
        self.calls.extend(other.calls);
        self.wrong.extend(other.wrong);
    }

    fn row(&mut self, case: &mut Case<'_>, exhaustive: bool) {
        let calls = case.undisturbed.host_calls.clone();
        for call in 0..calls.values().sum() {
            self.trial(
                case,
                Fault {
                    calls: Calls::After(call),
                    failure: FAILS,
                },
            );
            for failure in self.others(exhaustive) {
                self.trial(
                    case,
                    Fault {
                        calls: Calls::After(call),
                        failure,
                    },
                );
            }
        }
        let names = calls.keys().copied().enumerate();
        let row = self.trials;
        for (_, name) in
            names.filter(|(index, _)| exhaustive || (row + index).is_multiple_of(SAMPLE))
        {
            self.trial(
                case,
                Fault {
                    calls: Calls::Named(name),
                    failure: FAILS,
                },
            );
        }
    }

    fn others(&self, exhaustive: bool) -> Vec<Failure> {
        let nth = self.trials / SAMPLE;
        let chosen = self
            .trials
            .is_multiple_of(SAMPLE)
            .then(|| OTHERS.iter().cycle().nth(nth % OTHERS.len()));
        if exhaustive {
            OTHERS.to_vec()
        } else {
            chosen.flatten().copied().into_iter().collect()
        }
    }

    fn trial(&mut self, case: &mut Case<'_>, fault: Fault) {
        self.trials += 1;
        let found = match case
            .wasm
            .try_on_copy(case.config, &case.request, Some(fault))
        {
            Err(error) => Some(format!("{error:#}")),
            Ok(trial) => {
                self.calls.extend(trial.failed);
                let wrong = judge::wrong(&case.undisturbed.progress, &trial.progress);
                wrong
                    .filter(|_| !excused(fault, &trial))
                    .map(|wrong| format!("{:?}: {wrong}", trial.failed))
            }
        };
        self.wrong
            .extend(found.map(|found| format!("{}: {fault:?} {found}", case.place)));
    }
}

fn excused(fault: Fault, trial: &Trial) -> bool {
    matches!(fault.calls, Calls::Named(name) if NEEDED.contains(&name))
        && trial.progress == Progress::Waiting
}
