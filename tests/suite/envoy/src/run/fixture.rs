//! A running `registry-auth run` with its Envoy.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use registry_auth_harness::client::{self, Request, Response};
use registry_auth_harness::program::free_address;
use registry_auth_harness::{envoy, module};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::log::Log;

pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(20);
/// What `run` logs when a configuration is live.
const LIVE: &str = "the configuration is live";

/// A `run`, killed on drop.
pub(crate) struct Run {
    child: Child,
    log: Log,
    pages: SocketAddr,
    folder: TempDir,
}

/// How a `run` is started.
pub(crate) struct Setup<'a> {
    /// The configuration file.
    pub(crate) document: &'a Value,
    /// The registry, unless the document has `proxy.upstream`.
    pub(crate) upstream: SocketAddr,
    /// Further arguments.
    pub(crate) arguments: &'a [&'a str],
    /// Further variables.
    pub(crate) environment: &'a [(&'a str, &'a str)],
}

/// Returns a document that lets everybody do these actions everywhere, on a free port.
pub(crate) fn open(actions: &[&str]) -> Value {
    json!({
        "http": {
            "address": "127.0.0.1",
            "port": "0",
            "accessControl": {"repositories": {"**": {"anonymousPolicy": actions}}},
        },
    })
}

/// Returns a command that runs the binary with this environment and no other; `folder` is for its
/// temporary files.
pub(crate) fn command(folder: &Path) -> Result<Command> {
    let mut command = Command::new(module::shim()?);
    command
        .env_clear()
        .env("TMPDIR", folder)
        .current_dir(folder)
        .stdin(Stdio::null());
    Ok(command)
}

impl Run {
    /// Starts it, and does not wait.
    pub(crate) fn spawn(setup: &Setup<'_>) -> Result<Self> {
        Self::spawn_with(&envoy::binary()?, setup)
    }

    /// As [`Self::spawn`], with this Envoy.
    pub(crate) fn spawn_with(envoy: &Path, setup: &Setup<'_>) -> Result<Self> {
        let folder = TempDir::with_prefix("ra-run-")?;
        fs::write(folder.path().join("zot.json"), setup.document.to_string())?;
        let log = folder.path().join("log");
        let pages = free_address()?;
        let upstream = match setup.document.pointer("/proxy/upstream") {
            Some(_) => vec![],
            None => vec![
                "--upstream".to_owned(),
                format!("http://{}", setup.upstream),
            ],
        };
        let child = command(folder.path())?
            .args(["run", "--config", "zot.json", "--concurrency", "2"])
            .args(upstream)
            .args(["--listen", &pages.to_string()])
            .arg("--envoy")
            .arg(envoy)
            .args(setup.arguments)
            .envs(setup.environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()?;
        Ok(Self {
            child,
            log: Log(log),
            pages,
            folder,
        })
    }

    /// Starts it, and waits until its configuration is live.
    pub(crate) fn start(setup: &Setup<'_>) -> Result<Self> {
        let mut run = Self::spawn(setup)?;
        run.is_live(1)?;
        Ok(run)
    }

    /// Waits until a number of configurations were live so far.
    pub(crate) fn is_live(&mut self, count: usize) -> Result<()> {
        self.says(LIVE, count)
    }

    /// Waits until the log has a number of lines with this message.
    pub(crate) fn says(&mut self, message: &str, count: usize) -> Result<()> {
        let log = self.log.clone();
        self.until(message, || Ok(log.with(message)?.len() >= count))
    }

    /// Waits until something is true.
    pub(crate) fn until(
        &mut self,
        what: &str,
        mut holds: impl FnMut() -> Result<bool>,
    ) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !holds()? {
            if let Some(status) = self.child.try_wait()? {
                bail!("{what}: it ended with {status}\n{}", self.log.text());
            }
            ensure!(
                Instant::now() < deadline,
                "{what}: not within {PATIENCE:?}\n{}",
                self.log.text()
            );
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// Returns where clients connect, as the last line about it says.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        let lines = self.log.with(LIVE)?;
        let address = lines.last().and_then(|line| line.get("address")?.as_str());
        Ok(address.context("no address")?.parse()?)
    }

    /// Sends a request to the proxy.
    pub(crate) fn send(&self, request: &Request) -> Result<Response> {
        client::send(self.address()?, request, PATIENCE)
    }

    /// Waits until a request gets this status.
    pub(crate) fn comes_to(&mut self, status: u16, request: &Request) -> Result<()> {
        let address = self.address()?;
        let target = String::from_utf8_lossy(&request.target);
        self.until(&format!("{status} for {target}"), || {
            Ok(
                client::send(address, request, PATIENCE)
                    .is_ok_and(|answer| answer.status == status),
            )
        })
    }

    /// Returns the address of the endpoints.
    pub(crate) const fn pages(&self) -> SocketAddr {
        self.pages
    }

    /// Returns a page of the endpoints.
    pub(crate) fn page(&self, path: &str) -> Result<Response> {
        client::send(self.pages, &Request::new("GET", path), PATIENCE)
    }

    /// Returns what `/readyz` says: the status, and the reasons.
    pub(crate) fn readiness(&self) -> Result<(u16, Vec<String>)> {
        let answer = self.page("/readyz")?;
        let page: Value = serde_json::from_slice(&answer.body)?;
        let waiting = page.get("waiting").and_then(Value::as_array);
        let reasons = waiting.context("no list")?.iter().map(|entry| {
            let member = |name| entry.get(name).and_then(Value::as_str).unwrap_or_default();
            format!("{}: {}", member("source"), member("reason"))
        });
        Ok((answer.status, reasons.collect()))
    }

    /// Returns what `/readyz` says of the last change: nothing, or where its first error is, if it
    /// was refused.
    pub(crate) fn refused(&self) -> Result<Option<String>> {
        let page: Value = serde_json::from_slice(&self.page("/readyz")?.body)?;
        let Some(refused) = page.get("refused") else {
            return Ok(None);
        };
        ensure!(refused.get("since").is_some(), "{page}");
        let path = refused.get("path").and_then(Value::as_str);
        Ok(Some(path.unwrap_or_default().to_owned()))
    }

    /// Waits until `/readyz` says 200.
    pub(crate) fn is_ready(&mut self) -> Result<()> {
        let pages = self.pages;
        self.until("ready", || {
            let answer = client::send(pages, &Request::new("GET", "/readyz"), PATIENCE);
            Ok(answer.is_ok_and(|answer| answer.status == 200))
        })
    }

    /// Replaces the configuration by renaming.
    pub(crate) fn replace(&self, document: &Value) -> Result<()> {
        self.replace_text(&document.to_string())
    }

    /// Replaces the configuration by any text.
    pub(crate) fn replace_text(&self, text: &str) -> Result<()> {
        let new = self.path("zot.json.new");
        fs::write(&new, text)?;
        Ok(fs::rename(new, self.path("zot.json"))?)
    }

    /// Returns the path of a file in its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns its log.
    pub(super) const fn log(&self) -> &Log {
        &self.log
    }

    /// Returns the process id of its Envoy.
    pub(crate) fn envoy(&self) -> Result<u32> {
        let id = self.child.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        let child = children.split_whitespace().next();
        Ok(child.context("it has no child")?.parse()?)
    }

    /// Sends a signal to it.
    pub(crate) fn signal(&self, name: &str) -> Result<()> {
        signal(self.child.id(), name)
    }

    /// Waits for its end.
    pub(crate) fn ended(&mut self) -> Result<ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(
                Instant::now() < deadline,
                "it does not end\n{}",
                self.log.text()
            );
            thread::sleep(PAUSE);
        }
    }

    /// Returns the texts of the files that Envoy watches, by their names, without their versions if
    /// they are not wanted.
    pub(crate) fn files_of_envoy(&self, with_versions: bool) -> Result<BTreeMap<String, String>> {
        let private = self.private_folder()?;
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(private)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if Path::new(&name)
                .extension()
                .is_some_and(|ending| ending == "yaml")
            {
                let text = fs::read_to_string(self.private_folder()?.join(&name))?;
                let is_wanted = |line: &&str| with_versions || !line.starts_with("version_info:");
                let lines: Vec<_> = text.lines().filter(is_wanted).collect();
                files.insert(name, lines.join("\n"));
            }
        }
        Ok(files)
    }

    /// Returns the path of its private folder.
    pub(crate) fn private_folder(&self) -> Result<PathBuf> {
        for entry in fs::read_dir(self.folder.path())? {
            let entry = entry?;
            if is_private(&entry.file_name().to_string_lossy()) {
                return Ok(entry.path());
            }
        }
        bail!("no private folder")
    }

    /// Returns how many private folders there are.
    pub(crate) fn private_folders(&self) -> Result<usize> {
        let mut count = 0;
        for entry in fs::read_dir(self.folder.path())? {
            let name = entry?.file_name();
            count += usize::from(is_private(&name.to_string_lossy()));
        }
        Ok(count)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Ignored: it may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn is_private(name: &str) -> bool {
    name.starts_with("registry-auth-run-")
}

/// Sends a signal to a process.
pub(crate) fn signal(process: u32, name: &str) -> Result<()> {
    let status = Command::new("kill")
        .args(["-s", name, &process.to_string()])
        .status()?;
    ensure!(status.success(), "kill ended with {:?}", status.signal());
    Ok(())
}

/// Returns true if a process of this id exists, and has not ended.
pub(crate) fn is_alive(process: u32) -> bool {
    let state = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = state.rsplit_once(") ").map(|(_, rest)| rest.chars().next());
    !matches!(state, None | Some(None | Some('Z' | 'X')))
}
