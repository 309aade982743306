//! Profiles in which functions the module spends the instructions of a request.
//!
//! The request is stopped many times, each time a little later, and its backtrace recorded, so that
//! the profile is the same in each run. The module is one with names, before wasm-opt.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context as _, Result, anyhow, ensure};
use registry_auth_harness::module;
use registry_auth_harness::substrate::now;
use registry_auth_harness::workload::{self, ALGORITHMS, Policy, REPOSITORY};
use registry_auth_vm::{Compiled, Progress, Setup, Vm};

const NAMED: &str = "target/bench/named.wasm";
/// Number of samples.
const STOPS: u64 = 1_000;
/// Number of functions in each list.
const SHOWN: usize = 40;

/// The requests to choose from.
const REQUESTS: [(&str, Case); 3] = [
    (
        "hit",
        Case {
            policy: Policy::PLAIN,
            warm: 2,
        },
    ),
    (
        "miss",
        Case {
            policy: Policy::PLAIN,
            warm: 0,
        },
    ),
    (
        "condition",
        Case {
            policy: Policy {
                condition: true,
                ..Policy::PLAIN
            },
            warm: 2,
        },
    ),
];

#[derive(Clone, Copy)]
struct Case {
    policy: Policy,
    /// Number of requests with the token before.
    warm: usize,
}

/// Prints the functions by their share of such a request: alone, and with what they call.
///
/// # Errors
/// There is no such request, the module is missing, or it does not do what it should.
#[expect(
    clippy::print_stdout,
    reason = "the profile is what the program is asked for"
)]
pub(crate) fn show(request: &str) -> Result<()> {
    let case = REQUESTS
        .iter()
        .find(|(name, _)| *name == request)
        .map(|(_, case)| *case);
    let case = case.with_context(|| {
        format!(
            "`{request}` is none of {:?}",
            REQUESTS.map(|(name, _)| name)
        )
    })?;
    let module = Compiled::new(&fs::read(module::workspace().join(NAMED)).context(NAMED)?)?;
    let [algorithm, ..] = ALGORITHMS;
    let token = workload::token(algorithm, now())?;
    let mut vm = case.ready(&module, &token)?;
    let before = vm.fuel_used();
    ask(&mut vm, &token)?;
    let whole = vm.fuel_used() - before;
    let (mut alone, mut within) = (BTreeMap::new(), BTreeMap::new());
    for stop in 0..STOPS {
        let stack = stack_at(case.ready(&module, &token)?, &token, whole * stop / STOPS);
        *alone
            .entry(
                stack
                    .first()
                    .cloned()
                    .unwrap_or_else(|| "the end".to_owned()),
            )
            .or_insert(0) += 1;
        for function in stack.into_iter().collect::<BTreeSet<_>>() {
            *within.entry(function).or_insert(0) += 1;
        }
    }
    println!(
        "{whole} fuel for one request; shares of it in per mille\n\nalone\n{}\n",
        list(alone)
    );
    println!("with what they call\n{}", list(within));
    Ok(())
}

impl Case {
    fn ready(self, module: &Compiled, token: &str) -> Result<Vm> {
        let configuration = self.policy.configuration()?.to_string();
        let mut vm = Vm::start(module, Setup::of_scenarios(configuration.as_bytes()))?;
        // Excludes what happens only once.
        let [other] = workload::tokens(ALGORITHMS[0], 1, 1, now())?
            .try_into()
            .map_err(|_| anyhow!("no token"))?;
        ask(&mut vm, &other)?;
        for _ in 0..self.warm {
            ask(&mut vm, token)?;
        }
        Ok(vm)
    }
}

fn ask(vm: &mut Vm, token: &str) -> Result<()> {
    let id = vm.open(&workload::pull(REPOSITORY, Some(token)))?;
    ensure!(
        matches!(vm.progress(id)?, Progress::Forwarded(_)),
        "the request was refused"
    );
    vm.close(id)
}

/// Returns the backtrace of a request after this amount of fuel, innermost function first.
fn stack_at(mut vm: Vm, token: &str, fuel: u64) -> Vec<String> {
    vm.ration(fuel);
    // wasmtime checks the fuel where functions and loops begin, not after the last of them.
    ask(&mut vm, token)
        .err()
        .map_or_else(Vec::new, |error| functions(&format!("{error:?}")))
}

/// Reads the backtrace in wasmtime's message: `0: 0x1f2e - <unknown>!name`.
fn functions(message: &str) -> Vec<String> {
    let name = |line: &str| {
        let (number, place) = line.trim().split_once(':')?;
        number.parse::<usize>().ok()?;
        let (_, name) = place.trim_start().strip_prefix("0x")?.split_once('!')?;
        Some(format!("{:#}", rustc_demangle::demangle(name)))
    };
    message.lines().filter_map(name).collect()
}

fn list(shares: BTreeMap<String, u64>) -> String {
    let mut shares: Vec<_> = shares.into_iter().collect();
    shares.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    shares
        .iter()
        .take(SHOWN)
        .map(|(function, count)| format!("{count:>5} {function}"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_read_from_the_message_of_a_trap() {
        let message = "`proxy_on_tick` trapped\n\nCaused by:\n    0: error while executing at wasm backtrace:\n           \
                       0:  0x12 - filter.wasm!_ZN4core3str5split17h86e1edd9ac04e0c3E\n           1: 0x34 - filter.wasm!malloc\n    \
                       1: wasm trap: all fuel consumed by WebAssembly\n";
        assert_eq!(functions(message), ["core::str::split", "malloc"]);
    }
}
