//! Measures the cost of a start with a policy, and of pushed keys.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use registry_auth_harness::client;
use registry_auth_harness::push;
use registry_auth_harness::substrate::now;
use registry_auth_harness::workload::{self, Policy};
use serde_json::{Value, json};

use crate::chain::Chain;
use crate::figure::Figure;
use crate::meter::Cpu;
use crate::stand::{Files, Listener};

/// Numbers of patterns, with their text in the table.
pub(crate) const PATTERNS: &[(usize, &str)] = &[
    (10, "10"),
    (100, "100"),
    (1_000, "1,000"),
    (10_000, "10,000"),
];
/// Those of the quick run.
pub(crate) const FEW: &[(usize, &str)] = &[(100, "100")];
/// Number of plugins, each with its own VM: enough for a measurable time in addition to compiling
/// the module.
const PLUGINS: usize = 8;
/// An Envoy with one worker configures each plugin on the main thread and on the worker.
const VMS: f64 = 16.0;
/// Time limit for pushed keys to be used, longer than the tick period of the filter.
const SPREAD: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(20);
/// The longest key set that is read.
const LONGEST_SET: usize = 256 * 1024;

/// CPU time in milliseconds to configure one VM, with this number of patterns: what Envoy needs to
/// start, above what it needs with the intake role of the same module, which has nothing to
/// compile.
///
/// # Errors
/// Envoy does not start.
pub(crate) fn configure(
    rounds: usize,
    patterns: &[(usize, &str)],
    files: &Files,
) -> Result<Vec<Figure>> {
    let mut base = Vec::new();
    let mut samples = vec![Vec::new(); patterns.len()];
    for _ in 0..rounds {
        let nothing = started(Chain::Intake, files)?;
        base.push(nothing);
        for ((patterns, _), samples) in patterns.iter().zip(&mut samples) {
            samples.push((started(Chain::Ours(Policy::of(*patterns)), files)? - nothing) / VMS);
        }
    }
    let mut figures = vec![Figure::new(
        "start",
        "start of Envoy with 8 plugins that have nothing to configure",
        base,
        "ms CPU",
    )];
    for ((patterns, text), samples) in patterns.iter().zip(samples) {
        let (id, what) = (
            format!("configure-{patterns}"),
            format!("configure with {text} patterns, mean of 16 VMs"),
        );
        figures.push(Figure::new(&id, &what, samples, "ms CPU"));
    }
    Ok(figures)
}

fn started(chain: Chain, files: &Files) -> Result<f64> {
    let listeners = (1..=PLUGINS).map(|number| Listener::new(&format!("start-{number}"), chain));
    let envoy = files.start(&listeners.collect::<Vec<_>>(), 1)?;
    Ok(millis(Cpu::of(envoy.process())? - Cpu::ZERO))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Measures a push of the largest key set: time until the intake has responded, and CPU time until
/// all workers use the keys.
///
/// # Errors
/// Envoy does not start, or the intake refuses.
pub(crate) fn push(rounds: usize, files: &Files) -> Result<Vec<Figure>> {
    let shared = |name: &str, chain| Listener {
        vm: "pushed".to_owned(),
        ..Listener::new(name, chain)
    };
    let envoy = files.start(
        &[
            shared("intake", Chain::Intake),
            shared("pushed", Chain::Pushed),
        ],
        1,
    )?;
    let intake = envoy.listener("intake")?;
    let keys = largest_set()?;
    let [mut wall, mut cpu] = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        let before = Cpu::of(envoy.process())?;
        let began = Instant::now();
        let answer = client::send(
            intake,
            &push::request("secret:us-east-1/keys", &keys, now()),
            PATIENCE,
        )?;
        ensure!(
            answer.status == 200,
            "the intake answered {}",
            answer.status
        );
        wall.push(millis(began.elapsed()));
        std::thread::sleep(SPREAD);
        cpu.push(millis(Cpu::of(envoy.process())? - before));
    }
    Ok(vec![
        Figure::new(
            "push-answer",
            "push of the largest key set, 256 KiB, until it is answered",
            wall,
            "ms",
        ),
        Figure::new(
            "push-cpu",
            "the same until it is used: intake, main thread and worker",
            cpu,
            "ms CPU",
        ),
    ])
}

/// As many keys as fit.
fn largest_set() -> Result<Value> {
    let jwks = workload::jwks()?;
    let one = jwks.pointer("/keys/0").cloned().unwrap_or_default();
    let size = one.to_string().len() + 32;
    let keys = (0..LONGEST_SET / size).map(|number| {
        let mut key = one.clone();
        if let Value::Object(members) = &mut key {
            members.insert("kid".to_owned(), format!("key-{number}").into());
        }
        key
    });
    Ok(json!({"keys": keys.collect::<Vec<_>>()}))
}
