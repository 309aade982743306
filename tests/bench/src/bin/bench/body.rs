//! Measures the cost of a push's body in Envoy, with the filter and without.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::substrate::now;
use registry_auth_harness::workload::{self, ALGORITHMS, Policy, REPOSITORY};

use crate::chain::Chain;
use crate::figure::Figure;
use crate::meter::Cpu;
use crate::stand::{Answer, Files, Listener};

const GIBIBYTE: u64 = 1 << 30;
/// Time limit of either side.
const PATIENCE: Duration = Duration::from_secs(30);
/// Listeners, what the figures say of them, and their filters.
const CHAINS: [(&str, &str, Chain); 3] = [
    ("plain", "no filter", Chain::Nothing),
    ("empty", "an empty module", Chain::Empty),
    ("filtered", "ours", Chain::Ours(Policy::PLAIN)),
];

/// CPU time of Envoy in milliseconds for each GiB, in this number of interleaved rounds of `bytes`.
///
/// # Errors
/// Envoy does not start, or the upload is refused.
pub(crate) fn measure(rounds: usize, bytes: u64, files: &Files) -> Result<Vec<Figure>> {
    let upstream = drain()?;
    let listener = |name: &str, chain| Listener {
        answer: Answer::Upstream(upstream),
        ..Listener::new(name, chain)
    };
    let envoy = files.start(&CHAINS.map(|(name, _, chain)| listener(name, chain)), 1)?;
    let [algorithm, ..] = ALGORITHMS;
    let token = workload::token(algorithm, now())?;
    let mut samples = CHAINS.map(|_| Vec::new());
    // The first round only warms up.
    for round in 0..=rounds {
        for ((name, ..), samples) in CHAINS.iter().zip(&mut samples) {
            let before = Cpu::of(envoy.process())?;
            upload(envoy.listener(name)?, &token, bytes)?;
            let used = Cpu::of(envoy.process())? - before;
            if round > 0 {
                #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
                samples.push(used.as_secs_f64() * 1e3 * GIBIBYTE as f64 / bytes as f64);
            }
        }
    }
    let figure = |((name, what, _), samples)| {
        Figure::new(
            &format!("body-{name}"),
            &format!("body of a push, {what}, per GiB"),
            samples,
            "ms CPU",
        )
    };
    Ok(CHAINS.into_iter().zip(samples).map(figure).collect())
}

fn upload(address: SocketAddr, token: &str, bytes: u64) -> Result<()> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "PATCH /v2/{REPOSITORY}/blobs/uploads/1 HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/octet-stream\r\ncontent-length: {bytes}\r\nconnection: close\r\n\r\n"
    )?;
    std::io::copy(&mut std::io::repeat(b'x').take(bytes), &mut stream)
        .context("the upload broke off")?;
    let mut status = String::new();
    BufReader::new(stream).read_line(&mut status)?;
    ensure!(
        status.starts_with("HTTP/1.1 202 "),
        "the upload was answered with `{}`",
        status.trim_end()
    );
    Ok(())
}

/// An upstream that reads each body to its end and answers 202. It lives as long as this process.
fn drain() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::Builder::new()
        .name("upstream".to_owned())
        .spawn(move || {
            for stream in listener.incoming().flatten() {
                // Ignored: the other end reports a broken connection.
                std::thread::spawn(move || drop(serve(stream)));
            }
        })?;
    Ok(address)
}

fn serve(stream: TcpStream) -> Result<()> {
    let mut reader = BufReader::with_capacity(256 * 1024, stream);
    loop {
        let mut length = 0;
        let mut line = String::new();
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            match line.split_once(':') {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.trim().parse()?;
                }
                None if line == "\r\n" => break,
                _ => {}
            }
        }
        std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())?;
        reader
            .get_mut()
            .write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")?;
    }
}
