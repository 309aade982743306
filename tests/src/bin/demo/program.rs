//! Programs that run for as long as the demo does.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use registry_auth_tests::client::{self, Request};
use registry_auth_tests::module;
use registry_auth_tests::server::Port;

/// How long a program may take to start on a busy machine.
const START: Duration = Duration::from_mins(1);
const PAUSE: Duration = Duration::from_millis(50);

/// A running program, killed when it is dropped. What it writes goes to a file.
pub(crate) struct Program {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Program {
    /// Starts `command` in the root of the checkout.
    pub(crate) fn start(name: &'static str, command: &mut Command, folder: &Path) -> Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log)?;
        command.current_dir(module::workspace()).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().with_context(|| format!("{name} cannot be started: run `cargo xtask demo`"))?;
        Ok(Self { name, child, log })
    }

    /// Waits until `GET path` gets an answer below 500.
    pub(crate) fn wait(&mut self, address: SocketAddr, path: &str) -> Result<()> {
        let deadline = Instant::now() + START;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status}\n{}", self.name, self.log());
            }
            if client::send(address, &Request::new("GET", path), START).is_ok_and(|answer| answer.status < 500) {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "{} does not answer after {START:?}\n{}", self.name, self.log());
            std::thread::sleep(PAUSE);
        }
    }

    /// The end of what it has written.
    pub(crate) fn log(&self) -> String {
        let text = String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned();
        let lines: Vec<_> = text.lines().collect();
        let end = lines.get(lines.len().saturating_sub(15)..).unwrap_or_default().join("\n");
        format!("{} ({})\n{end}\n", self.name, self.log.display())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself; nothing is left to be done then.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A program of `REGISTRY_AUTH_TOOLS` or `.tools`.
pub(crate) fn tool(path: &str) -> PathBuf {
    std::env::var_os("REGISTRY_AUTH_TOOLS").map_or_else(|| module::workspace().join(".tools"), PathBuf::from).join(path)
}

/// A port that was free a moment ago, for programs that bind it themselves.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(Port::bind()?.address())
}
