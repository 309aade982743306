//! The binary under test, as a process.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::intake::{PUSH_KEY, eventually};

/// A temporary folder, removed on drop.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Creates an empty folder.
    pub(crate) fn new() -> anyhow::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "registry-auth-{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> anyhow::Result<PathBuf> {
        let path = self.path(name);
        std::fs::write(&path, text)?;
        Ok(path)
    }

    /// Returns the path of a file, which need not exist.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Returns a valid configuration with one secret.
pub(crate) fn configuration(secret_name: &str, interval: &str, strict: bool) -> Value {
    json!({
        "http": {
            "auth": { "bearer": {
                "realm": "registry", "service": "registry.example.com", "audiences": ["registry.example.com"], "issuer": "tests",
                "awsSecretsManager": {
                    "region": "us-east-1", "secretName": secret_name, "refreshInterval": interval, "strict": strict
                }
            } },
            "accessControl": { "repositories": { "**": { "anonymousPolicy": ["read"] } } }
        },
        "proxy": { "pushKey": { "env": "REGISTRY_AUTH_PUSH_KEY" } }
    })
}

/// Returns a command that runs the binary with an empty environment.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_registry-auth"));
    command
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Runs a command to its end.
pub(crate) async fn output(mut command: Command) -> anyhow::Result<Output> {
    Ok(command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .await?)
}

/// A running `registry-auth serve`.
pub(crate) struct Shim {
    process: Child,
    log: Arc<Mutex<Vec<String>>>,
    _folder: Folder,
}

/// Arguments and environment of a shim.
#[derive(Clone, Copy)]
pub(crate) struct Launch<'a> {
    /// The content of the configuration file.
    pub(crate) configuration: &'a Value,
    /// `AWS_ENDPOINT_URL`.
    pub(crate) endpoint: &'a str,
    /// The values for `--envoy`.
    pub(crate) intakes: &'a [&'a str],
    /// The push key.
    pub(crate) push_key: &'a str,
    /// The value for `--listen`.
    pub(crate) listen: Option<&'a str>,
    /// `SSL_CERT_FILE`.
    pub(crate) system: Option<&'a Path>,
}

/// An address on which nothing listens.
pub(crate) const NOWHERE: &str = "http://127.0.0.1:1";

impl Shim {
    /// Starts a shim with `configuration`, AWS at `endpoint`, and one intake.
    pub(crate) fn start(
        configuration: &Value,
        endpoint: &str,
        intake: &str,
    ) -> anyhow::Result<Self> {
        Self::launch(Launch {
            configuration,
            endpoint,
            intakes: &[intake],
            ..Launch::default()
        })
    }

    /// Starts a shim.
    pub(crate) fn launch(launch: Launch<'_>) -> anyhow::Result<Self> {
        let folder = Folder::new()?;
        let config = folder.write("registry.json", &launch.configuration.to_string())?;
        let mut command = command(&["serve", "--config", text(&config)?]);
        for intake in launch.intakes {
            command.args(["--envoy", intake]);
        }
        if let Some(listen) = launch.listen {
            command.args(["--listen", listen]);
        }
        let mut process = command
            .env("AWS_ENDPOINT_URL", launch.endpoint)
            .env("AWS_ACCESS_KEY_ID", "test-id")
            .env("AWS_SECRET_ACCESS_KEY", "test-aws-secret")
            .env("REGISTRY_AUTH_PUSH_KEY", launch.push_key)
            .envs(launch.system.map(|file| ("SSL_CERT_FILE", file)))
            .stderr(Stdio::piped())
            .spawn()?;
        let mut lines = BufReader::new(process.stderr.take().context("no stderr")?).lines();
        let log = Arc::new(Mutex::new(Vec::new()));
        let shared = log.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                shared
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line);
            }
        });
        Ok(Self {
            process,
            log,
            _folder: folder,
        })
    }

    /// Returns the log lines so far. Fails if one is not JSON or holds a secret.
    pub(crate) fn log(&self) -> anyhow::Result<Vec<Value>> {
        let lines = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        for line in lines.iter() {
            for secret in [PUSH_KEY, "test-aws-secret", "tops3cret", "BEGIN", "kty"] {
                ensure!(!line.contains(secret), "the log holds `{secret}`: {line}");
            }
        }
        lines
            .iter()
            .map(|line| serde_json::from_str(line).with_context(|| format!("not JSON: {line}")))
            .collect()
    }

    /// Waits for a log line that contains each of `parts`.
    pub(crate) async fn says(&self, parts: &[&str]) -> anyhow::Result<()> {
        let said = eventually(|| match self.count(parts) {
            Ok(0) => None,
            answer => Some(answer),
        });
        said.await
            .and_then(|answer| answer.map(drop))
            .with_context(|| format!("{parts:?} is not in {:#?}", self.log))
    }

    /// Returns the number of log lines that contain each of `parts`.
    pub(crate) fn count(&self, parts: &[&str]) -> anyhow::Result<usize> {
        let lines = self.log()?;
        let said = |line: &Value| {
            let values = line.as_object().into_iter().flat_map(|line| line.values());
            let texts: Vec<_> = values
                .map(|value| {
                    value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned)
                })
                .collect();
            parts.iter().all(|part| texts.join(" ").contains(part))
        };
        Ok(lines.iter().filter(|line| said(line)).count())
    }

    /// Sends a signal and waits for the exit status.
    pub(crate) async fn end(mut self, signal: &str) -> anyhow::Result<Option<i32>> {
        let id = self.process.id().context("ended before")?.to_string();
        ensure!(
            Command::new("kill")
                .args(["-s", signal, &id])
                .status()
                .await?
                .success(),
            "kill failed"
        );
        let status =
            tokio::time::timeout(std::time::Duration::from_mins(1), self.process.wait()).await??;
        self.log()?;
        Ok(status.code())
    }
}

impl Default for Launch<'_> {
    fn default() -> Self {
        Self {
            configuration: &Value::Null,
            endpoint: NOWHERE,
            intakes: &[],
            push_key: PUSH_KEY,
            listen: None,
            system: None,
        }
    }
}

/// Converts a path to an argument.
pub(crate) fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("the path is not UTF-8")
}
