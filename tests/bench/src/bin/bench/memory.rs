//! Measures the memory of workers and cached identities, and its growth.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::envoy::Envoy;
use registry_auth_harness::substrate::now;
use registry_auth_harness::workload::{self, ALGORITHMS, Policy, REPOSITORY};
use registry_auth_vm::{Compiled, Progress, Setup, Vm};

use crate::chain::Chain;
use crate::figure::Figure;
use crate::load::{CONNECTIONS, Generator, Load, Scheme};
use crate::meter::resident;
use crate::rounds::Plan;
use crate::stand::{Files, Listener};

/// Number of tokens, all of which one worker should cache.
const IDENTITIES: usize = 10_000;
/// Number of workers of the second Envoy, from which the memory of one more worker is computed.
const WORKERS: u32 = 5;
/// How often new connections are made: each worker gets some.
const REPEATS: usize = 5;
const MIB: f64 = 1024.0 * 1024.0;
/// Until Envoy has given back what it does not use after the start: 1 MiB a second, some 20 MiB.
const SETTLED: Duration = Duration::from_secs(40);
/// Time limit for the load.
const PATIENCE: Duration = Duration::from_mins(2);
const NAME: &str = "memory";

/// Memory of the process, and of the module alone; what depends on the start of Envoy is measured for each round.
///
/// # Errors
/// Envoy does not start, or a request is refused.
pub(crate) fn measure(plan: &Plan, files: &Files) -> Result<Vec<Figure>> {
    let [algorithm, ..] = ALGORITHMS;
    let tokens = workload::tokens(algorithm, 0, IDENTITIES, now())?;
    let rounds = (0..plan.rounds)
        .map(|_| Round::measure(&tokens, files))
        .collect::<Result<Vec<_>>>()?;
    let mut figures: Vec<_> = ROUND
        .iter()
        .map(|(id, what, of)| Figure::new(id, what, rounds.iter().map(of).collect(), "MiB"))
        .collect();
    let guest = guest(&tokens)?;
    let (requests, growth) = growth(plan, &tokens, files)?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let each = guest * MIB / IDENTITIES as f64;
    figures.extend([
        Figure::new(
            "memory-guest",
            "growth of the module's own memory by 10,000 identities",
            vec![guest],
            "MiB",
        ),
        Figure::new(
            "memory-identity",
            "the same for each identity",
            vec![each],
            "bytes",
        ),
        Figure::new(
            "memory-growth",
            &format!(
                "growth over {requests} more requests, with forgotten tokens and with a known one"
            ),
            vec![growth],
            "MiB",
        ),
    ]);
    Ok(figures)
}

/// Its id, its description in the table, and how it comes from a round.
type RoundFigure = (&'static str, &'static str, fn(&Round) -> f64);

/// The figures of a round.
const ROUND: [RoundFigure; 7] = [
    (
        "memory-empty-first",
        "memory of Envoy with the empty module and one worker, after its start",
        |round| round.empty.first,
    ),
    (
        "memory-ours-first",
        "memory of Envoy with ours and one worker, after its start",
        |round| round.ours.first,
    ),
    (
        "memory-empty",
        "the same with the empty module, 40 s later",
        |round| round.empty.settled,
    ),
    ("memory-ours", "the same with ours, 40 s later", |round| {
        round.ours.settled
    }),
    (
        "memory-worker",
        "one more worker, ours above the empty module",
        |round| round.worker,
    ),
    (
        "memory-identities",
        "10,000 identities in the cache, ours above the empty module",
        Round::identities,
    ),
    (
        "memory-above",
        "a worker with 10,000 identities, ours above the empty module",
        |round| round.worker + round.identities(),
    ),
];

/// What depends on the start of Envoy, in MiB.
struct Round {
    empty: Sizes,
    ours: Sizes,
    /// One more worker, ours above the empty module.
    worker: f64,
}

impl Round {
    fn measure(tokens: &[String], files: &Files) -> Result<Self> {
        let ours = Chain::Ours(Policy::PLAIN);
        let worker = each_worker(ours, tokens, files)? - each_worker(Chain::Empty, tokens, files)?;
        let [empty, ours] = loaded([Chain::Empty, ours], tokens, files)?;
        Ok(Self {
            empty,
            ours,
            worker,
        })
    }

    const fn identities(&self) -> f64 {
        self.ours.growth() - self.empty.growth()
    }
}

/// MiB that one more worker takes, after each of them has served requests.
fn each_worker(chain: Chain, tokens: &[String], files: &Files) -> Result<f64> {
    let mut sizes = [0.0; 2];
    for (workers, size) in [1, WORKERS].into_iter().zip(&mut sizes) {
        let envoy = files.start(&[Listener::new(NAME, chain)], workers)?;
        // New connections each time, which are distributed to workers at random.
        for _ in 0..REPEATS {
            send_each(&envoy, tokens.get(..CONNECTIONS).unwrap_or_default())?;
        }
        *size = self::size(&envoy)?;
    }
    let [one, more] = sizes;
    Ok((more - one) / f64::from(WORKERS - 1))
}

/// MiB of a process after the first request, some time later, and after a request with each token.
#[derive(Clone, Copy)]
struct Sizes {
    first: f64,
    settled: f64,
    after: f64,
}

impl Sizes {
    const fn growth(self) -> f64 {
        self.after - self.settled
    }
}

/// Sizes of one process for each of the chains; all of them wait at the same time, until Envoy has given back what it does not
/// use: later, that would hide what requests take.
fn loaded<const N: usize>(
    chains: [Chain; N],
    tokens: &[String],
    files: &Files,
) -> Result<[Sizes; N]> {
    let mut envoys = Vec::new();
    for chain in chains {
        let envoy = files.start(&[Listener::new(NAME, chain)], 1)?;
        send_each(&envoy, tokens.get(..1).unwrap_or_default())?;
        let first = size(&envoy)?;
        envoys.push((envoy, first));
    }
    std::thread::sleep(SETTLED);
    let mut sizes = Vec::new();
    for (envoy, first) in &envoys {
        let settled = size(envoy)?;
        send_each(envoy, tokens)?;
        sizes.push(Sizes {
            first: *first,
            settled,
            after: size(envoy)?,
        });
    }
    <[Sizes; N]>::try_from(sizes)
        .ok()
        .context("sizes for each chain")
}

/// Requests, and MiB that the process grows with them when the cache is full already.
fn growth(plan: &Plan, tokens: &[String], files: &Files) -> Result<(u64, f64)> {
    let envoy = files.start(&[Listener::new(NAME, Chain::Ours(Policy::PLAIN))], 1)?;
    let address = envoy.listener(NAME)?;
    // More tokens than the cache holds: each is evicted before it is used again.
    for _ in 0..3 {
        send_each(&envoy, tokens)?;
    }
    // What Envoy gives back meanwhile would hide a growth.
    std::thread::sleep(SETTLED);
    let before = size(&envoy)?;
    let mut requests = 0;
    for _ in 0..plan.rounds {
        for tokens in [tokens, tokens.get(..1).unwrap_or_default()] {
            requests += Generator::Own.send(&Load {
                address,
                scheme: Scheme::Bearer,
                tokens,
                once: false,
                time: plan.time,
            })?;
        }
    }
    Ok((requests, size(&envoy)? - before))
}

fn send_each(envoy: &Envoy, tokens: &[String]) -> Result<()> {
    let load = Load {
        address: envoy.listener(NAME)?,
        scheme: Scheme::Bearer,
        tokens,
        once: true,
        time: PATIENCE,
    };
    let sent = Generator::Own.send(&load)?;
    ensure!(
        usize::try_from(sent)? == tokens.len(),
        "only {sent} requests were sent in {PATIENCE:?}"
    );
    Ok(())
}

fn size(envoy: &Envoy) -> Result<f64> {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let bytes = resident(envoy.process())? as f64;
    Ok(bytes / MIB)
}

/// How many MiB the module's own memory grows.
fn guest(tokens: &[String]) -> Result<f64> {
    let configuration = Policy::PLAIN.configuration()?.to_string();
    let mut vm = Vm::start(
        Compiled::built()?,
        Setup::of_scenarios(configuration.as_bytes()),
    )?;
    let (first, rest) = tokens.split_first().context("there are tokens")?;
    ask(&mut vm, first)?;
    let before = vm.memory();
    rest.iter().try_for_each(|token| ask(&mut vm, token))?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let grown = (vm.memory() - before) as f64;
    Ok(grown / MIB)
}

fn ask(vm: &mut Vm, token: &str) -> Result<()> {
    let id = vm.open(&workload::pull(REPOSITORY, Some(token)))?;
    ensure!(
        matches!(vm.progress(id)?, Progress::Forwarded(_)),
        "a request was refused"
    );
    vm.close(id)
}
