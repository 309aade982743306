//! Programs that tests start: the registry, the shim, the shipped Envoy.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::client::{self, Request};
use crate::module;
use anyhow::{Context as _, Result, bail, ensure};

/// Time limit for the start of a program.
const START: Duration = Duration::from_mins(1);
/// Below what Linux and macOS give to connections.
const PORTS: Range<u32> = 15_000..30_000;
const PAUSE: Duration = Duration::from_millis(50);

/// A running program, killed on drop. Its output goes to a file.
pub struct Program {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts `command` in the root of the checkout; `folder` gets its log.
    ///
    /// # Errors
    /// It is missing: the message says what installs it.
    pub fn start(name: &'static str, command: &mut Command, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log)?;
        command
            .current_dir(module::workspace())
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file);
        let child = command
            .spawn()
            .with_context(|| format!("{name} cannot be started: run `cargo xtask tools`"))?;
        Ok(Self { name, child, log })
    }

    /// Waits until `GET path` gets an answer below 500.
    ///
    /// # Errors
    /// It ends, or does not answer for a minute; the message ends with its log.
    pub fn wait(&mut self, address: SocketAddr, path: &str) -> Result<()> {
        let request = Request::new("GET", path);
        self.wait_until(|| {
            client::send(address, &request, START).is_ok_and(|answer| answer.status < 500)
        })
    }

    /// Waits until `answers` returns true.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub fn wait_until(&mut self, answers: impl Fn() -> bool) -> Result<()> {
        let deadline = Instant::now() + START;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status}\n{}", self.name, self.log());
            }
            if answers() {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "{} does not answer after {START:?}\n{}",
                self.name,
                self.log()
            );
            std::thread::sleep(PAUSE);
        }
    }

    /// Returns its process id.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Returns its output.
    #[must_use]
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Returns the end of its output, for messages.
    #[must_use]
    pub fn log(&self) -> String {
        let text = self.output();
        let lines: Vec<_> = text.lines().collect();
        let end = lines
            .get(lines.len().saturating_sub(15)..)
            .unwrap_or_default()
            .join("\n");
        format!("{} ({})\n{end}\n", self.name, self.log.display())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Ignored: it may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Returns the path of a program in `REGISTRY_AUTH_TOOLS` or `.tools`, which may be missing.
#[must_use]
pub fn tool(path: &str) -> PathBuf {
    std::env::var_os("REGISTRY_AUTH_TOOLS")
        .map_or_else(|| module::workspace().join(".tools"), PathBuf::from)
        .join(path)
}

/// A port that was free a moment ago, for programs that bind it themselves. It is none of those
/// that the system gives to connections, and no other caller in this process gets it.
///
/// # Errors
/// None is free.
pub fn free_address() -> Result<SocketAddr> {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    // Processes that run at the same time start far from each other.
    let start = std::process::id().wrapping_mul(7919);
    let candidates = PORTS.map(|_| start.wrapping_add(TRIED.fetch_add(1, Ordering::Relaxed)));
    candidates
        .filter_map(|number| u16::try_from(PORTS.start + number % (PORTS.end - PORTS.start)).ok())
        .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .find(|address| TcpListener::bind(address).is_ok())
        .context("no free port on loopback")
}
