//! Secrets Manager, emulated by moto.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, anyhow, ensure};
use serde_json::{Value, json};

use crate::http;

/// Runs moto and ends it when our end of its standard input closes, so that it never outlives the
/// tests.
const LAUNCHER: &str = "
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
from moto.server import main
main(['-p', sys.argv[1]])
";

/// A running moto.
pub(crate) struct Moto {
    authority: String,
    _process: Child,
}

impl Moto {
    /// Returns the instance that tests share; each test uses another secret.
    pub(crate) fn shared() -> anyhow::Result<&'static Self> {
        static SHARED: OnceLock<anyhow::Result<Moto>> = OnceLock::new();
        SHARED
            .get_or_init(|| Self::start(0))
            .as_ref()
            .map_err(|error| anyhow!("{error:#}"))
    }

    /// Starts an instance on `port`; 0 is a free one.
    pub(crate) fn start(port: u16) -> anyhow::Result<Self> {
        let mut process = Command::new(python()?)
            .args(["-c", LAUNCHER, &port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("moto does not start")?;
        let mut lines = BufReader::new(process.stderr.take().context("no stderr")?);
        let mut said = String::new();
        let authority = loop {
            let start = said.len();
            ensure!(lines.read_line(&mut said)? > 0, "moto ended: {said}");
            if let Some((_, url)) = said
                .get(start..)
                .and_then(|line| line.split_once("Running on http://"))
            {
                break url.trim().to_owned();
            }
        };
        // Reads its log, since moto blocks on a full pipe.
        std::thread::spawn(move || lines.read_to_end(&mut Vec::new()));
        Ok(Self {
            authority,
            _process: process,
        })
    }

    /// Returns the value for `AWS_ENDPOINT_URL`.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.authority)
    }

    /// Creates a secret with `SecretString`.
    pub(crate) async fn create(&self, name: &str, text: &str) -> anyhow::Result<()> {
        self.call("CreateSecret", &json!({"Name": name, "SecretString": text}))
            .await
    }

    /// Creates a secret with `SecretBinary`, in base64.
    pub(crate) async fn create_binary(&self, name: &str, base64: &str) -> anyhow::Result<()> {
        self.call(
            "CreateSecret",
            &json!({"Name": name, "SecretBinary": base64}),
        )
        .await
    }

    /// Replaces the text of a secret.
    pub(crate) async fn put(&self, name: &str, text: &str) -> anyhow::Result<()> {
        self.call(
            "PutSecretValue",
            &json!({"SecretId": name, "SecretString": text}),
        )
        .await
    }

    async fn call(&self, operation: &str, arguments: &Value) -> anyhow::Result<()> {
        let target = format!("secretsmanager.{operation}");
        // moto checks no signature, but takes the region from its scope.
        let scope = "AWS4-HMAC-SHA256 Credential=test-id/20260101/us-east-1/secretsmanager/aws4_request, SignedHeaders=host, Signature=0";
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", target.as_str()),
            ("authorization", scope),
        ];
        let (status, text) = http::post(&self.authority, &headers, arguments.to_string()).await?;
        ensure!(status == 200, "{operation}: {status} {text}");
        Ok(())
    }
}

fn python() -> anyhow::Result<PathBuf> {
    let tools = std::env::var_os("REGISTRY_AUTH_TOOLS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools"),
        PathBuf::from,
    );
    let programs = tools.join("venv/bin");
    ensure!(
        programs.join("moto_server").exists(),
        "moto is missing in `{0}`: run `python3 -m venv {1}/venv && {1}/venv/bin/pip install 'moto[server]==5.2.5'`",
        programs.display(),
        tools.display(),
    );
    Ok(programs.join("python"))
}
