//! Measures `registry-auth run`: how long it takes to start, and to make a change live.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::program::free_address;
use registry_auth_harness::upstream::Upstream;
use registry_auth_harness::{envoy, module};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::figure::Figure;

/// Number of patterns of the changed policy.
const PATTERNS: usize = 1_000;
const PATIENCE: Duration = Duration::from_mins(1);
/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(2);
/// What `run` logs when a configuration is live.
const LIVE: &str = "\"the configuration is live\"";
/// What the first line of Envoy or of the filter in it has.
const OF_ENVOY: [&str; 2] = ["\"target\":\"envoy\"", "\"target\":\"filter\""];

/// A `run`, killed on drop.
pub(crate) struct Run {
    child: Child,
    folder: TempDir,
    pub(crate) address: SocketAddr,
}

/// Wall time in milliseconds of the start, of the part of it after the first line of Envoy, and of
/// a change.
///
/// # Errors
/// `run` does not start, or a change does not become live.
pub(crate) fn measure(rounds: usize) -> Result<Vec<Figure>> {
    let upstream = Upstream::start()?;
    let [mut start, mut after_envoy, mut change] = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..rounds {
        let began = Instant::now();
        let mut run = Run::start(upstream.address())?;
        run.until(|log| OF_ENVOY.iter().any(|part| log.contains(part)))?;
        let first_line = Instant::now();
        run.is_live()?;
        start.push(millis(began.elapsed()));
        after_envoy.push(millis(first_line.elapsed()));
        for (action, status) in [("create", 401), ("read", 200)] {
            let began = Instant::now();
            run.replace(&policy(PATTERNS, action, run.address))?;
            run.decides(status)?;
            change.push(millis(began.elapsed()));
        }
    }
    Ok(vec![
        Figure::new(
            "run-start",
            "`run`: from its start until it is live",
            start,
            "ms",
        ),
        Figure::new(
            "run-after-envoy",
            "`run`: from the first line of Envoy until it is live",
            after_envoy,
            "ms",
        ),
        Figure::new(
            "run-change",
            "`run`: from a change to 1,000 patterns until requests are decided by it",
            change,
            "ms",
        ),
    ])
}

/// A document that lets everybody do this in repositories of this number of patterns.
fn policy(patterns: usize, action: &str, listen: SocketAddr) -> Value {
    let patterns: Map<String, Value> = (0..patterns)
        .map(|number| {
            (
                format!("team-{number}/**"),
                json!({"anonymousPolicy": [action]}),
            )
        })
        .collect();
    json!({"http": {
        "address": listen.ip().to_string(),
        "port": listen.port().to_string(),
        "accessControl": {"repositories": patterns},
    }})
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

impl Run {
    fn start(upstream: SocketAddr) -> Result<Self> {
        Self::start_with(upstream, |_, address| Ok(policy(1, "read", address)))
    }

    /// Starts with the document that is made of its folder and of where clients connect.
    pub(crate) fn start_with(
        upstream: SocketAddr,
        made: impl FnOnce(&Path, SocketAddr) -> Result<Value>,
    ) -> Result<Self> {
        let folder = TempDir::with_prefix("ra-bench-")?;
        let address = free_address()?;
        let text = made(folder.path(), address)?.to_string();
        fs::write(document(folder.path()), text)?;
        let child = Command::new(module::shim()?)
            .arg("run")
            .arg("--config")
            .arg(document(folder.path()))
            .args(["--no-listen", "--concurrency", "2"])
            .args(["--upstream", &format!("http://{upstream}")])
            .arg("--envoy")
            .arg(envoy::binary()?)
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(log(folder.path()))?)
            .spawn()?;
        Ok(Self {
            child,
            folder,
            address,
        })
    }

    /// Waits until its configuration is live.
    pub(crate) fn is_live(&mut self) -> Result<()> {
        self.until(|log| log.contains(LIVE))
    }

    /// Returns the process id of its Envoy.
    pub(crate) fn envoy(&self) -> Result<u32> {
        let id = self.child.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        let child = children.split_whitespace().next().context("no Envoy")?;
        Ok(child.parse()?)
    }

    /// Waits until its log is as wanted.
    fn until(&mut self, holds: impl Fn(&str) -> bool) -> Result<()> {
        let path = log(self.folder.path());
        self.wait(|| fs::read_to_string(&path).is_ok_and(|text| holds(&text)))
    }

    /// Waits until a request is decided so.
    fn decides(&mut self, status: u16) -> Result<()> {
        let (address, request) = (
            self.address,
            Request::new("GET", "/v2/team-0/app/tags/list"),
        );
        self.wait(|| {
            client::send(address, &request, PATIENCE).is_ok_and(|answer| answer.status == status)
        })
    }

    fn wait(&mut self, holds: impl Fn() -> bool) -> Result<()> {
        let began = Instant::now();
        while !holds() {
            let ended = self.child.try_wait()?;
            ensure!(
                ended.is_none() && began.elapsed() < PATIENCE,
                "`run` is not as far as it should be: {}",
                fs::read_to_string(log(self.folder.path())).unwrap_or_default()
            );
            sleep(PAUSE);
        }
        Ok(())
    }

    fn replace(&self, document_text: &Value) -> Result<()> {
        let new = self.folder.path().join("new.json");
        fs::write(&new, document_text.to_string())?;
        Ok(fs::rename(new, document(self.folder.path()))?)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Ignored: it may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn document(folder: &Path) -> PathBuf {
    folder.join("zot.json")
}

fn log(folder: &Path) -> PathBuf {
    folder.join("log")
}
