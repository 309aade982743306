//! A person in a real browser, with a provider that was not written here, through Envoy: the session
//! and the key that the pages give are good for clients until they end.
//!
//! `cargo xtask test --only pages` installs Chromium and the packages of npm, and runs this.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use registry_auth_harness::client::Request;
use registry_auth_harness::distribution;
use registry_auth_harness::program::{free_address, tool};
use serde_json::{Value, json};

use super::fixture::{Run, Setup};

/// In which a key that was deleted ends everywhere.
const SECOND: Duration = Duration::from_secs(1);
const LABEL: &str = "Example";
const SECRET: &str = "a secret of more than 32 characters: %&+/";
const PERSON: &str = "ann.provider@example.org";
const USERS: &str = include_str!("../../../../fixtures/people-users.htpasswd");
const SOURCES: [&str; 2] = [
    "host-shim/people/tests/browser/provider.js",
    "tests/suite/envoy/src/run/browser/drive.js",
];

/// A program of Node that does what a line says, and answers with a line of JSON.
struct Script {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Script {
    /// Starts one of [`SOURCES`], copied to where the packages are: modules are found from its folder.
    fn start(source: &str, name: &str, arguments: &[&str]) -> Result<Self> {
        let missing = "cargo xtask test --only pages installs Chromium and the packages of npm";
        let folder = tool("browser");
        ensure!(folder.join("node_modules").exists(), "{missing}");
        let copy = folder.join(name);
        fs::copy(workspace().join(source), &copy)?;
        let mut child = Command::new("node")
            .arg(copy)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("node cannot be started")?;
        let input = child.stdin.take().context("no input")?;
        let output = BufReader::new(child.stdout.take().context("no output")?);
        Ok(Self {
            child,
            input,
            output,
        })
    }

    /// Sends a line, and reads the answer to it.
    fn ask(&mut self, line: &str) -> Result<Value> {
        writeln!(self.input, "{line}")?;
        let mut answer = String::new();
        if self.output.read_line(&mut answer)? == 0 {
            bail!("`{line}` failed: {}", self.child.wait()?);
        }
        serde_json::from_str(&answer).with_context(|| format!("`{line}`: {answer}"))
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // Ignored: it may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// The provider, and its issuer.
fn provider(host: SocketAddr) -> Result<(Script, String)> {
    let mut provider = Script::start(SOURCES[0], "provider-envoy.js", &[])?;
    let client = json!({
        "client_id": "registry-oidc",
        "client_secret": SECRET,
        "redirect_uris": [format!("http://{host}/zot/auth/callback/oidc")],
        "token_endpoint_auth_method": "client_secret_basic",
    });
    let started = provider.ask(&json!({ "clients": [client] }).to_string())?;
    let issuer = started.get("issuer").and_then(Value::as_str);
    let issuer = issuer.context("no issuer")?.to_owned();
    Ok((provider, issuer))
}

fn document(folder: &Path, host: SocketAddr, issuer: &str) -> Value {
    json!({ "http": {
        "address": "127.0.0.1",
        "port": host.port().to_string(),
        "externalUrl": format!("http://{host}"),
        "auth": {
            "htpasswd": { "path": folder.join("users") },
            "apiKey": true,
            "openid": { "providers": { "oidc": {
                "name": LABEL,
                "clientid": "registry-oidc",
                "clientsecret": SECRET,
                "issuer": issuer,
                "scopes": ["openid", "email", "profile"],
            } } },
        },
        "accessControl": { "repositories": { "team/**": {
            "policies": [{ "users": [PERSON, "ann"], "actions": ["read", "create", "update"] }],
        } } },
    } })
}

/// What the interface of a registry sends from a browser.
fn with_session(session: &str) -> Request {
    Request::new("GET", "/v2/team/app/tags/list")
        .header("x-zot-api-client", "zot-ui")
        .header("cookie", &format!("session={session}"))
}

/// Runs crane with the settings of one folder. Returns true if it succeeded, and its words.
fn crane(folder: &Path, arguments: &[&str]) -> Result<(bool, String)> {
    let output = Command::new(tool("bin/crane"))
        .args(arguments)
        .env_clear()
        .env("HOME", folder)
        .env("DOCKER_CONFIG", folder)
        .output()
        .context("crane cannot be started: run `cargo xtask tools`")?;
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((output.status.success(), words))
}

#[test]
#[ignore = "needs Chromium and npm: `cargo xtask test --only pages`"]
fn a_person_logs_in_makes_a_key_and_logs_out_through_envoy() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("users"), USERS)?;
    let (_registry, upstream) = distribution::start(folder.path())?;
    let host = free_address()?;
    let (_provider, issuer) = provider(host)?;
    let store = folder.path().join("store").display().to_string();
    let mut run = Run::start(&Setup {
        document: &document(folder.path(), host, &issuer),
        upstream,
        arguments: &["--store", &store],
        environment: &[],
    })?;
    run.is_ready()?;
    let layer = folder.path().join("layer.tar");
    fs::write(&layer, [0; 1024])?;
    let layer = layer.display().to_string();
    let registry = host.to_string();
    let chromium = tool("bin/chromium").display().to_string();
    let screenshots = workspace().join("target/screenshots").display().to_string();
    let base = format!("http://{host}");
    let mut browser = Script::start(
        SOURCES[1],
        "drive-envoy.js",
        &[&base, &chromium, &screenshots],
    )?;

    for (login, user) in [("provider", PERSON), ("password", "ann")] {
        let session = browser.ask(login)?;
        let session = session["session"].as_str().context("no session")?;
        // 404: the registry was asked, and has no such repository yet.
        let status = |run: &Run| -> Result<u16> { Ok(run.send(&with_session(session))?.status) };
        ensure!(
            [200, 404].contains(&status(&run)?),
            "the session of {login}"
        );

        let made = browser.ask("make")?;
        let key = made["key"].as_str().context("no key")?;
        let settings = folder.path().join(login);
        fs::create_dir(&settings)?;
        let logged_in = crane(
            &settings,
            &["auth", "login", &registry, "-u", user, "-p", key],
        )?;
        ensure!(logged_in.0, "{}", logged_in.1);
        let image = format!("{registry}/team/app:{login}");
        let push = ["append", "--insecure", "-f", &layer, "-t", &image];
        for _ in 0..2 {
            let pushed = crane(&settings, &push)?;
            ensure!(pushed.0, "{login}: {}", pushed.1);
        }

        browser.ask("delete")?;
        run.until("the key is refused", || Ok(!crane(&settings, &push)?.0))?;
        // The other worker reads the same set within its next tick.
        thread::sleep(SECOND);
        for _ in 0..4 {
            let refused = crane(&settings, &push)?;
            ensure!(
                !refused.0 && refused.1.contains("401 Unauthorized"),
                "{login}: {}",
                refused.1
            );
        }
        ensure!(status(&run)? == 200, "the session of {login} lasts");

        browser.ask("logout")?;
        run.comes_to(401, &with_session(session))?;
    }
    Ok(())
}
