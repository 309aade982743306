//! Host calls that fail, and hosts that lie: no request is let through that would not have been,
//! nothing traps, and every request is answered.
//!
//! Each row of each scenario is sent to a copy of its VM once for each host call that it makes,
//! with that call failing; a sample of them fails in other ways too, or all if
//! `REGISTRY_AUTH_FAULTS` is `all`.

mod intake;
mod judge;
mod single;
mod start;
mod sweep;

use std::sync::Mutex;
use std::thread;

use anyhow::{Error, anyhow, ensure};
use registry_auth_harness::scenario::{Row, Scenarios};

use crate::Outcome;
use crate::abi::CALLED;
use sweep::Sweep;

/// Rows that one thread takes at once.
const ROWS: usize = 200;
/// Lines that a failure shows.
const SHOWN: usize = 40;
/// Host calls that are made at the start only.
const AT_START: [&str; 1] = ["proxy_set_tick_period_milliseconds"];

fn files() -> Result<Vec<Scenarios>, Error> {
    Scenarios::all()
}

#[test]
fn no_host_call_that_goes_wrong_in_wasm_grants_traps_or_holds_for_ever() -> Outcome {
    let exhaustive = std::env::var_os("REGISTRY_AUTH_FAULTS").is_some_and(|value| value == "all");
    let files = files()?;
    let mut parts: Vec<(&Scenarios, &[Row])> = files
        .iter()
        .flat_map(|file| file.rows.chunks(ROWS).map(move |rows| (file, rows)))
        .collect();
    // Large parts first, so that no thread is left with one at the end.
    parts.sort_by_key(|(_, rows)| std::cmp::Reverse(rows.len()));
    let sweep = in_parallel(&parts, |(file, rows)| Sweep::of(file, rows, exhaustive))?;
    eprintln!("{} requests with a host call that goes wrong", sweep.trials);
    let never: Vec<_> = CALLED
        .iter()
        .filter(|name| !sweep.calls.contains(*name) && !AT_START.contains(name))
        .collect();
    report(sweep.trials, &sweep.wrong)?;
    ensure(never.is_empty(), || format!("never gone wrong: {never:?}"))
}

/// Adds up the results of all parts.
fn in_parallel<T: Sync>(
    parts: &[T],
    of: impl Fn(&T) -> Result<Sweep, Error> + Sync,
) -> Result<Sweep, Error> {
    let queue = Mutex::new(parts.iter());
    let next = || queue.lock().ok()?.next();
    let work = || {
        let mut total = Sweep::default();
        while let Some(part) = next() {
            total.add(of(part)?);
        }
        Ok::<_, Error>(total)
    };
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, Into::into);
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .try_fold(Sweep::default(), |mut total, thread| {
                total.add(
                    thread
                        .join()
                        .map_err(|_| anyhow!("a thread has panicked"))??,
                );
                Ok(total)
            })
    })
}

fn report(trials: usize, wrong: &[String]) -> Outcome {
    let shown = || {
        wrong
            .iter()
            .take(SHOWN)
            .cloned()
            .collect::<Vec<_>>()
            .join("\n")
    };
    ensure(trials > 0 && wrong.is_empty(), || {
        format!("{} of {trials} went wrong\n{}", wrong.len(), shown())
    })
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Outcome {
    let checked = || {
        ensure!(holds, "{}", otherwise());
        Ok(())
    };
    Ok(checked()?)
}
