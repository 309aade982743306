//! What requests cost, counted and not timed: host calls, and instructions, measured as fuel of
//! wasmtime. `budgets.json` has the exact values: a change of them is made on purpose, by renewing
//! the file.

mod table;

use anyhow::{Result, ensure};
use registry_auth_engine::time::UnixTime;
use registry_auth_harness::client::{Request, Response};
use registry_auth_harness::module;
use registry_auth_harness::workload::{self, ALGORITHMS, Policy, REPOSITORY};
use registry_auth_vm::host::Clock;
use registry_auth_vm::{Compiled, Progress, Setup, Vm};

use self::table::{Cost, Table};
use crate::Outcome;

/// The time of all requests, at which the tokens in the table are valid.
const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
/// Number of tokens in the cache of a worker.
const IDENTITIES: usize = 10_000;
const CONDITION: Policy = Policy {
    condition: true,
    ..Policy::PLAIN
};
const PUBLIC: Policy = Policy {
    anonymous: true,
    ..Policy::PLAIN
};

/// A request whose cost is counted.
struct Row {
    name: &'static str,
    policy: Policy,
    asked: Asked,
    /// The same request was sent before.
    again: bool,
    /// The host has `verify_signature`.
    verifies: bool,
}

/// The pull of a manifest, and its outcome.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// With a valid token of this algorithm.
    Granted(&'static str),
    /// Without a token where everybody may read.
    Public,
    /// With a valid token where its holder may not read.
    Forbidden,
    /// Without a token where one is needed.
    Unauthorized,
}

const ROWS: &[Row] = &[
    again("token in the cache", Policy::PLAIN, Asked::Granted("RS256")),
    again(
        "token in the cache, 10 patterns",
        Policy::of(10),
        Asked::Granted("RS256"),
    ),
    again(
        "token in the cache, 1,000 patterns",
        Policy::of(1_000),
        Asked::Granted("RS256"),
    ),
    again(
        "token in the cache, 10,000 patterns",
        Policy::of(10_000),
        Asked::Granted("RS256"),
    ),
    again(
        "token in the cache, a condition",
        CONDITION,
        Asked::Granted("RS256"),
    ),
    again(
        "token in the cache, forbidden",
        Policy::PLAIN,
        Asked::Forbidden,
    ),
    again("no token, public", PUBLIC, Asked::Public),
    again("no token, private", Policy::PLAIN, Asked::Unauthorized),
    new("new token, RS256", Asked::Granted("RS256")),
    new("new token, ES256", Asked::Granted("ES256")),
    new("new token, ES384", Asked::Granted("ES384")),
    new("new token, EdDSA", Asked::Granted("EdDSA")),
    new("new token, PS256", Asked::Granted("PS256")),
    alone(
        "new token, RS256, verified in the module",
        Asked::Granted("RS256"),
    ),
    alone(
        "new token, ES256, verified in the module",
        Asked::Granted("ES256"),
    ),
    alone(
        "new token, ES384, verified in the module",
        Asked::Granted("ES384"),
    ),
];

/// Numbers of patterns that a policy is compiled with.
const COMPILED: [(&str, usize); 4] = [
    ("configure, 1 pattern", 1),
    ("configure, 100 patterns", 100),
    ("configure, 1,000 patterns", 1_000),
    ("configure, 10,000 patterns", 10_000),
];

const fn again(name: &'static str, policy: Policy, asked: Asked) -> Row {
    Row {
        name,
        policy,
        asked,
        again: true,
        verifies: true,
    }
}

const fn new(name: &'static str, asked: Asked) -> Row {
    Row {
        name,
        policy: Policy::PLAIN,
        asked,
        again: false,
        verifies: true,
    }
}

const fn alone(name: &'static str, asked: Asked) -> Row {
    Row {
        verifies: false,
        ..new(name, asked)
    }
}

#[test]
fn requests_cost_exactly_what_their_table_says() -> Outcome {
    let mut table = Table::read(NOW)?;
    for row in ROWS {
        let cost = cost_of(row, &table)?;
        table.found(row.name, cost);
    }
    for (name, patterns) in COMPILED {
        let vm = start(Policy::of(patterns), true)?;
        table.found(name, Cost::of(&vm));
    }
    table.found_memory(IDENTITIES, memory()?);
    table.found_size(
        std::fs::metadata(module::path()?)
            .map_err(anyhow::Error::from)?
            .len(),
    );
    Ok(table.check()?)
}

fn cost_of(row: &Row, table: &Table) -> Result<Cost> {
    let mut vm = start(row.policy, row.verifies)?;
    // Excludes what is done once per worker: definition of metrics, growth of memory.
    let (other, _) = Asked::Granted(if row.asked == Asked::Granted("EdDSA") {
        "RS256"
    } else {
        "EdDSA"
    })
    .request(table)?;
    send(&mut vm, &other, None)?;
    let (request, status) = row.asked.request(table)?;
    for _ in 0..if row.again { 2 } else { 0 } {
        send(&mut vm, &request, status)?;
    }
    // A request in steady traffic: the host has ticked before it.
    vm.tick()?;
    let before = Cost::of(&vm);
    send(&mut vm, &request, status)?;
    Ok(Cost::of(&vm).since(&before))
}

impl Asked {
    /// The request, and the status of its refusal.
    fn request(self, table: &Table) -> Result<(Request, Option<u16>)> {
        Ok(match self {
            Self::Granted(algorithm) => (
                workload::pull(REPOSITORY, Some(table.token(algorithm)?)),
                None,
            ),
            Self::Public => (workload::pull(REPOSITORY, None), None),
            Self::Forbidden => (
                workload::pull("other/app", Some(table.token("RS256")?)),
                Some(403),
            ),
            Self::Unauthorized => (workload::pull(REPOSITORY, None), Some(401)),
        })
    }
}

fn start(policy: Policy, verifies: bool) -> Result<Vm> {
    let configuration = policy.configuration()?.to_string();
    let setup = Setup {
        clock: Clock::At(NOW),
        verifies,
        ..Setup::of_scenarios(configuration.as_bytes())
    };
    Vm::start(Compiled::built()?, setup)
}

/// Sends one request, which must have the expected outcome: forwarded, or refused with `status`.
fn send(vm: &mut Vm, request: &Request, status: Option<u16>) -> Result<()> {
    let id = vm.open(request)?;
    let end = match vm.progress(id)? {
        Progress::Forwarded(_) => None,
        Progress::Answered(Response { status, .. }) => Some(status),
        Progress::Waiting => anyhow::bail!("the request waits"),
    };
    ensure!(
        end == status,
        "the request ended with {end:?} instead of {status:?}"
    );
    vm.close(id)
}

/// Bytes that the module's memory grows with this number of remembered tokens.
fn memory() -> Result<usize> {
    let [_, es256, ..] = ALGORITHMS;
    let mut vm = start(Policy::PLAIN, true)?;
    let before = vm.memory();
    for token in workload::tokens(es256, 0, IDENTITIES, NOW)? {
        send(&mut vm, &workload::pull(REPOSITORY, Some(&token)), None)?;
    }
    Ok(vm.memory() - before)
}
