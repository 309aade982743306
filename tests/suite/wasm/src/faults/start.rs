//! Host calls that fail while a VM starts: it does not start, or its decisions are right.

use crate::wasm::Wasm;
use anyhow::{Context as _, Error, ensure};
use registry_auth_harness::scenario::{Row, Scenarios};
use registry_auth_harness::substrate::Substrate as _;
use registry_auth_vm::Progress;
use registry_auth_vm::host::{Calls, Failure, Fault, Lie, Status};

use super::judge;
use super::sweep::Sweep;
use crate::Outcome;

/// Rows that are tried on what has started.
const ROWS: usize = 6;
const FAILURES: [Failure; 4] = [
    Failure::Status(Status::InternalFailure),
    Failure::Status(Status::NotFound),
    Failure::Status(Status::Unheard),
    Failure::Lie(Lie::Noise),
];

#[test]
fn no_host_call_that_goes_wrong_at_the_start_in_wasm_opens_anything() -> Outcome {
    let sweep = super::in_parallel(&super::files()?, of)?;
    assert!(
        sweep.calls.contains("proxy_call_foreign_function"),
        "{:?}",
        sweep.calls
    );
    super::report(sweep.trials, &sweep.wrong)
}

/// The configuration of the first row of a file, and its rows.
fn of(file: &Scenarios) -> Result<Sweep, Error> {
    let mut sweep = Sweep::default();
    let name = &file.rows.first().context("no rows")?.config;
    let config = file.configs.get(name).context("no configuration")?;
    let rows: Vec<&Row> = file
        .rows
        .iter()
        .filter(|row| row.config == *name)
        .take(ROWS)
        .collect();
    let mut wasm = Wasm::stopped()?;
    let undisturbed = wasm.serve(config)?;
    let expected = outcomes(&mut wasm, undisturbed, file, &rows)?;
    let mut refused = 0;
    for failure in FAILURES {
        for call in 0.. {
            let fault = Fault {
                calls: Calls::After(call),
                failure,
            };
            sweep.trials += 1;
            // It may refuse to start, or trap: the proxy lets nothing through then.
            let Ok((disturbed, failed)) = wasm.serve_disturbed(config, Some(fault)) else {
                refused += 1;
                continue;
            };
            let Some(failed) = failed else { break };
            sweep.calls.insert(failed);
            for (row, (expected, found)) in rows.iter().zip(
                expected
                    .iter()
                    .zip(outcomes(&mut wasm, disturbed, file, &rows)?),
            ) {
                let wrong = judge::wrong(expected, &found);
                let line = |wrong| {
                    format!(
                        "{}.json, `{}`: {failed} {fault:?}: {wrong}",
                        file.name, row.name
                    )
                };
                sweep.wrong.extend(wrong.map(line));
            }
        }
    }
    // Without its configuration, to begin with.
    ensure!(refused > 0, "{}.json: it always starts", file.name);
    Ok(sweep)
}

fn outcomes(
    wasm: &mut Wasm,
    config: usize,
    file: &Scenarios,
    rows: &[&Row],
) -> Result<Vec<Progress>, Error> {
    let outcome = |row: &&Row| {
        let request = file.request(row, wasm.now())?;
        Ok(wasm.try_on_copy(config, &request, None)?.progress)
    };
    rows.iter().map(outcome).collect()
}
