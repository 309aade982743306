//! What cached identities take, in the process and in the module.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use registry_auth_tests::module::Compiled;
use registry_auth_tests::substrate::now;
use registry_auth_tests::vm::{Progress, Setup, Vm};
use registry_auth_tests::workload::{self, ALGORITHMS, Policy, REPOSITORY};

use crate::chain::Chain;
use crate::figure::Figure;
use crate::load::{Generator, Load};
use crate::meter::resident;
use crate::stand::{Files, Listener};

/// As many as one worker is to remember.
const IDENTITIES: usize = 10_000;
const MIB: f64 = 1024.0 * 1024.0;
/// Longer than the load takes.
const PATIENCE: Duration = Duration::from_mins(2);

/// Memory of an Envoy with one worker, and of the module alone.
///
/// # Errors
/// Envoy does not start, or a request is refused.
pub(crate) fn measure(files: &Files) -> Result<Vec<Figure>> {
    let [algorithm, ..] = ALGORITHMS;
    let tokens = workload::tokens(algorithm, 0, IDENTITIES, now())?;
    let [_, empty] = processes(Chain::Empty, &tokens, files)?;
    let [before, after] = processes(Chain::Ours(Policy::PLAIN), &tokens, files)?;
    let guest = guest(&tokens)?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let each = guest * MIB / IDENTITIES as f64;
    let mib = |id: &str, what: &str, value: f64| Figure::new(id, what, vec![value], "MiB");
    Ok(vec![
        mib("memory-empty", "memory of Envoy with the empty module, after 10,000 requests", empty),
        mib("memory-start", "memory of Envoy with ours, after one request", before),
        mib("memory-full", "memory of Envoy with ours, after 10,000 requests with a token each", after),
        mib("memory-above", "ours above the empty module", after - empty),
        mib("memory-guest", "growth of the module's memory with them", guest),
        Figure::new("memory-identity", "the same for each identity", vec![each], "bytes"),
    ])
}

/// Resident memory in MiB after the first request, and after all.
fn processes(chain: Chain, tokens: &[String], files: &Files) -> Result<[f64; 2]> {
    let envoy = files.start(&[Listener::new("memory", chain)])?;
    let address = envoy.listener("memory")?;
    let mut sizes = [0.0; 2];
    for (tokens, size) in [tokens.get(..1).unwrap_or_default(), tokens].into_iter().zip(&mut sizes) {
        let sent = Generator::Own.send(&Load { address, tokens, once: true, time: PATIENCE })?;
        ensure!(usize::try_from(sent)? == tokens.len(), "only {sent} requests were sent in {PATIENCE:?}");
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let bytes = resident(envoy.process())? as f64;
        *size = bytes / MIB;
    }
    Ok(sizes)
}

/// How many MiB the module's own memory grows.
fn guest(tokens: &[String]) -> Result<f64> {
    let configuration = Policy::PLAIN.configuration()?.to_string();
    let mut vm = Vm::start(Compiled::built()?, Setup::of_scenarios(configuration.as_bytes()))?;
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
    ensure!(matches!(vm.progress(id)?, Progress::Forwarded(_)), "a request was refused");
    vm.close(id)
}
