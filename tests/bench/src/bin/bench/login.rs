//! Measures what people who log in cost: a password that is known, next to a token that is known;
//! and how long others wait while a thousand log in.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::substrate::now;
use registry_auth_harness::upstream::Upstream;
use registry_auth_harness::workload::{self, ALGORITHMS, REPOSITORY, SUBJECT};
use serde_json::{Value, json};

use crate::figure::Figure;
use crate::load::own::{Connection, head};
use crate::load::{Generator, Load, Scheme};
use crate::meter::Cpu;
use crate::run::Run;

/// The password `pw` by bcrypt of cost 12.
const HASH: &str = "$2y$12$T.7DoIDNFbduBXX4.BXpfuCWx4ytXe5mvhUW0kUZNVEtMqK3w0H8u";
const PASSWORD: &str = "pw";
/// Who logs in at once; `user0` and so on.
const CROWD: usize = 1_000;
const TIME: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_mins(2);

/// CPU time of Envoy for a request with a known token and with a known password; latencies of the
/// token before and while a thousand people log in.
///
/// # Errors
/// `run` does not start, or a request is not answered as it should be.
pub(crate) fn measure(rounds: usize) -> Result<Vec<Figure>> {
    let upstream = Upstream::start()?;
    let mut run = Run::start_with(upstream.address(), document)?;
    run.is_live()?;
    let [algorithm, ..] = ALGORITHMS;
    let token = workload::token(algorithm, now())?;
    let (mut figures, password) = (Vec::new(), credential("user0"));
    let mut cost = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for ((scheme, credential), samples) in
            [(Scheme::Bearer, &token), (Scheme::Basic, &password)]
                .into_iter()
                .zip(&mut cost)
        {
            samples.push(cpu(&run, scheme, credential)?);
        }
    }
    let [with_token, with_password] = cost;
    let ratios = with_token.iter().zip(&with_password);
    let ratios = ratios.map(|(token, password)| password / token).collect();
    figures.extend([
        Figure::new(
            "login-token",
            "`run`: a request with a known token",
            with_token,
            "us",
        ),
        Figure::new(
            "login-password",
            "`run`: a request with a known password",
            with_password,
            "us",
        ),
        Figure::new(
            "login-ratio",
            "the same, the second of the first",
            ratios,
            "x",
        ),
    ]);
    figures.extend(crowd(&run, &token)?);
    Ok(figures)
}

fn document(folder: &Path, address: SocketAddr) -> Result<Value> {
    let users = folder.join("users");
    let lines = (0..CROWD).map(|number| format!("user{number}:{HASH}\n"));
    fs::write(&users, lines.collect::<String>())?;
    let oidc = json!([{
        "issuer": workload::ISSUER,
        "audiences": [workload::AUDIENCE],
        "jwks": workload::jwks()?,
        "claimMapping": { "username": "claims.sub" },
    }]);
    let names: Vec<_> = (0..CROWD).map(|number| format!("user{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).chain([SUBJECT]).collect();
    Ok(json!({ "http": {
        "address": address.ip().to_string(),
        "port": address.port().to_string(),
        "auth": {
            "htpasswd": { "path": users },
            "bearer": { "realm": "registry", "service": workload::AUDIENCE, "oidc": oidc },
        },
        "accessControl": { "repositories": { REPOSITORY: {
            "policies": [{ "users": names, "actions": ["read"] }],
        } } },
    } }))
}

fn credential(user: &str) -> String {
    STANDARD.encode(format!("{user}:{PASSWORD}"))
}

/// CPU time of Envoy for a request, in microseconds.
fn cpu(run: &Run, scheme: Scheme, credential: &str) -> Result<f64> {
    let tokens = &[credential.to_owned()];
    let load = Load {
        address: run.address,
        scheme,
        tokens,
        once: false,
        time: TIME,
    };
    // Known from then on, by each worker.
    Generator::Own.send(&Load {
        time: TIME / 4,
        ..load
    })?;
    let before = Cpu::of(run.envoy()?)?;
    let requests = Generator::Own.send(&load)?;
    let used = Cpu::of(run.envoy()?)? - before;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    Ok(used.as_secs_f64() * 1e6 / requests as f64)
}

/// Latencies of one client with a known token, before and while everybody logs in at once.
fn crowd(run: &Run, token: &str) -> Result<Vec<Figure>> {
    let began = Instant::now();
    let before = latencies(run, token, || began.elapsed() < TIME)?;
    let is_over = AtomicBool::new(false);
    let (during, answers) = thread::scope(|scope| {
        let others = scope.spawn(|| {
            let answers = log_in_at_once(run.address);
            is_over.store(true, Ordering::Relaxed);
            answers
        });
        let during = latencies(run, token, || !is_over.load(Ordering::Relaxed));
        let answers = others.join().map_err(|_| anyhow!("the crowd is gone"))?;
        anyhow::Ok((during?, answers?))
    })?;
    ensure!(answers.iter().sum::<usize>() == CROWD, "{answers:?}");
    let [granted, refused] = answers;
    let figure = |id: &str, what: &str, value: f64, unit| Figure::new(id, what, vec![value], unit);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let count = |count: usize| count as f64;
    let mut figures = vec![
        figure(
            "crowd-granted",
            "1,000 logins at once, bcrypt of cost 12: granted",
            count(granted),
            "",
        ),
        figure(
            "crowd-refused",
            "the same: 429 or 503, to try again",
            count(refused),
            "",
        ),
    ];
    for (name, when, samples) in [
        ("before", "before", before),
        ("during", "meanwhile", during),
    ] {
        for (part, percent) in [("median", 50), ("p99", 99)] {
            let what = format!("latency of others with a known token {when}, {part}");
            let value = percentile(&samples, percent).context("no latency")?;
            figures.push(figure(&format!("crowd-{name}-{part}"), &what, value, "ms"));
        }
    }
    Ok(figures)
}

/// Latencies in milliseconds, one request after the other, as long as something holds.
fn latencies(run: &Run, token: &str, holds: impl Fn() -> bool) -> Result<Vec<f64>> {
    let head = head(run.address, Scheme::Bearer, token);
    let mut connection = Connection::open(run.address)?;
    let mut latencies = Vec::new();
    while holds() {
        let began = Instant::now();
        connection.send(&head)?;
        connection.receive()?;
        latencies.push(began.elapsed().as_secs_f64() * 1e3);
        thread::sleep(Duration::from_millis(1));
    }
    Ok(latencies)
}

/// How many were granted, and how many were asked to come again.
fn log_in_at_once(address: SocketAddr) -> Result<[usize; 2]> {
    let log_in = |number: usize| -> Result<bool> {
        let authorization = format!("Basic {}", credential(&format!("user{number}")));
        let request = workload::pull(REPOSITORY, None).header("authorization", &authorization);
        status(address, &request)
    };
    let mut answers = [0; 2];
    thread::scope(|scope| {
        let threads: Vec<_> = (0..CROWD)
            .map(|number| scope.spawn(move || log_in(number)))
            .collect();
        for thread in threads {
            let is_granted = thread.join().map_err(|_| anyhow!("a client is gone"))??;
            let [granted, refused] = &mut answers;
            *(if is_granted { granted } else { refused }) += 1;
        }
        Ok(answers)
    })
}

fn status(address: SocketAddr, request: &Request) -> Result<bool> {
    match client::send(address, request, PATIENCE)?.status {
        200 => Ok(true),
        429 | 503 => Ok(false),
        other => Err(anyhow!("a login is answered with {other}")),
    }
}

fn percentile(samples: &[f64], percent: usize) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = (sorted.len() * percent / 100).min(sorted.len().checked_sub(1)?);
    sorted.get(index).copied()
}
