//! Node, Chromium and the provider.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use registry_auth_people::Secret;
use registry_auth_people::social::assertion::AssertionKey;
use registry_auth_people::social::provider::Credential;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long the browser may take.
const LIMIT: Duration = Duration::from_mins(2);

/// The programs of `.tools`.
pub(super) struct Programs {
    /// The folder with the packages of npm and the scripts.
    folder: PathBuf,
    chromium: PathBuf,
}

/// A provider that runs; it ends with this.
pub(super) struct RunningProvider {
    pub(super) issuer: String,
    _process: Child,
}

impl Programs {
    /// What `cargo xtask tools` has installed.
    pub(super) fn find() -> Self {
        let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools");
        let folder = tools.join("browser");
        let missing = "cargo xtask test --only pages installs Chromium and the packages of npm";
        assert!(folder.join("node_modules").exists(), "{missing}");
        let chromium = tools.join("bin/chromium");
        assert!(chromium.exists(), "{missing}");
        Self { folder, chromium }
    }

    /// Starts the provider.
    pub(super) async fn provider(&self, settings: &Value) -> RunningProvider {
        let mut process = self
            .node("provider.js")
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = process.stdin.take().unwrap();
        input
            .write_all(format!("{settings}\n").as_bytes())
            .await
            .unwrap();
        // It ends with its input, so it lives as long as the process is not dropped.
        process.stdin = Some(input);
        let output = BufReader::new(process.stdout.take().unwrap());
        let mut lines = output.lines();
        let line = timeout(LIMIT, lines.next_line()).await.unwrap().unwrap();
        let line: Value = serde_json::from_str(&line.expect("the provider did not start")).unwrap();
        // It would fail to write to nobody.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        RunningProvider {
            issuer: line["issuer"].as_str().unwrap().to_owned(),
            _process: process,
        }
    }

    /// Drives the browser. Returns whether all was as it should be, and what it printed.
    pub(super) async fn drive(&self, base: &str, screenshots: &Path) -> (bool, String) {
        let mut command = self.node("drive.js");
        command.arg(base).arg(&self.chromium).arg(screenshots);
        let output = timeout(LIMIT, command.output()).await.unwrap().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    }

    fn node(&self, script: &str) -> Command {
        let mut command = Command::new("node");
        // Modules are found from the folder of a script, so it is copied next to the packages.
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
        std::fs::copy(source.join(script), self.folder.join(script)).unwrap();
        command
            .arg(self.folder.join(script))
            .current_dir(&self.folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        command
    }
}

/// The clients that the provider knows, and how each of ours proves itself.
pub(super) fn clients(base: &str) -> (Value, Vec<(&'static str, Credential)>) {
    let secret = "a secret of more than 32 characters: %&+/";
    let key = Ed25519KeyPair::generate().unwrap();
    let der = key.to_pkcs8v1().unwrap();
    let pem = pem::encode(&pem::Pem::new("PRIVATE KEY", der.as_ref()));
    let x = URL_SAFE_NO_PAD.encode(key.public_key().as_ref());
    let client = |name: &str, method: &str, algorithm: &str, more: Value| {
        let mut client = json!({
            "client_id": format!("registry-{name}"),
            "redirect_uris": [format!("{base}/zot/auth/callback/{name}")],
            "post_logout_redirect_uris": [format!("{base}/login")],
            "token_endpoint_auth_method": method,
            "id_token_signed_response_alg": algorithm,
        });
        client
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        client
    };
    let settings = json!({
        "clients": [
            client("oidc", "client_secret_basic", "RS256", json!({ "client_secret": secret })),
            client("gitlab", "none", "PS256", json!({})),
            client("google", "private_key_jwt", "ES256", json!({
                "token_endpoint_auth_signing_alg": "EdDSA",
                "jwks": { "keys": [{ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": "k1" }] },
            })),
        ],
    });
    let credentials = vec![
        (
            "oidc",
            Credential::Secret(Secret::new(secret.as_bytes().to_vec())),
        ),
        ("gitlab", Credential::None),
        (
            "google",
            Credential::Key(AssertionKey::from_pem(&pem, Some("k1")).unwrap()),
        ),
    ];
    (settings, credentials)
}
