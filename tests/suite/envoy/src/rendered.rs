//! What `registry-auth render envoy` makes of a document of zot, in the real Envoy: one file, and a
//! folder of files that Envoy watches.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::issuer::Issuer;
use registry_auth_harness::program::{Program, free_address};
use registry_auth_harness::server::{Port, Server};
use registry_auth_harness::substrate::{PUSH_KEY, UPSTREAM_AUTHORIZATION, now};
use registry_auth_harness::upstream::Upstream;
use registry_auth_harness::{envoy, module, tls};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::Outcome;

const PATIENCE: Duration = Duration::from_secs(20);
/// Longer than Envoy and the shim take for a change.
const LIMIT: Duration = Duration::from_mins(1);

/// Issuers, each at a server of its own.
struct Issuers {
    /// http.
    plain: Issuer,
    /// https, with a certificate for its name of the authority that the document names.
    named: Issuer,
    /// The same for an address.
    address: Issuer,
    /// https, with a certificate of another authority than the document names.
    stranger: Issuer,
    /// https, with a certificate that is trusted and has another name.
    misnamed: Issuer,
    /// https; its keys are pushed.
    pushed: Issuer,
    _servers: Vec<Server>,
}

impl Issuers {
    fn serve() -> Result<Self> {
        let (plain, server) = Issuer::on_loopback(&["es256"])?;
        let mut servers = vec![server];
        let mut over_tls = |host: &str, certificate: &str| -> Result<Issuer> {
            let port = Port::bind()?;
            let url = format!("https://{host}:{}", port.address().port());
            let issuer = Issuer::new(&url, &["es256"])?;
            servers.push(issuer.serve_over_tls(port, certificate)?);
            Ok(issuer)
        };
        Ok(Self {
            plain,
            named: over_tls("localhost", "issuer")?,
            address: over_tls("127.0.0.1", "issuer")?,
            stranger: over_tls("localhost", "issuer")?,
            misnamed: over_tls("localhost", "server")?,
            pushed: over_tls("localhost", "issuer")?,
            _servers: servers,
        })
    }

    /// The entries of the document. What is trusted is in files that it names.
    fn entries(&self) -> Value {
        let with = |issuer: &Issuer, name: &str, source: &str| {
            json!({
                "issuer": issuer.url(),
                "audiences": ["registry"],
                "certificateAuthorityFile": tls::folder().join(name),
                "keySource": source,
            })
        };
        json!([
            self.plain_entry(),
            with(&self.named, "issuer-ca.pem", "callout"),
            with(&self.address, "issuer-ca.pem", "callout"),
            with(&self.stranger, "ca.pem", "callout"),
            with(&self.misnamed, "server.pem", "callout"),
            with(&self.pushed, "issuer-ca.pem", "push"),
        ])
    }

    fn plain_entry(&self) -> Value {
        json!({ "issuer": self.plain.url(), "audiences": ["registry"] })
    }
}

/// A document as zot has it, with sections that only zot reads.
fn document(entries: &Value, proxy: &Proxy, actions: &[&str]) -> Value {
    json!({
        "distSpecVersion": "1.1.1",
        "storage": { "rootDirectory": "/var/lib/registry", "dedupe": false },
        "http": {
            "address": "127.0.0.1",
            "port": proxy.clients.port().to_string(),
            "tls": {
                "cert": proxy.path("shown.pem"),
                "key": proxy.path("shown.key.pem"),
                "cacert": tls::folder().join("ca.pem"),
            },
            "auth": { "mtls": {}, "bearer": { "realm": "zot", "service": "zot-service", "oidc": entries } },
            "accessControl": { "repositories": { "**": {
                "policies": [{ "users": ["alice"], "actions": ["read"] }],
                "defaultPolicy": actions,
            } } },
        },
        "log": { "level": "debug" },
    })
}

/// How the configuration is given to Envoy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    OneFile,
    Folder,
}

/// A rendered proxy.
struct Proxy {
    form: Form,
    folder: TempDir,
    upstream: Upstream,
    clients: SocketAddr,
}

impl Proxy {
    fn new(form: Form) -> Result<Self> {
        let proxy = Self {
            form,
            folder: TempDir::with_prefix("registry-auth-rendered-")?,
            upstream: Upstream::start()?,
            clients: free_address()?,
        };
        proxy.show("server")?;
        Ok(proxy)
    }

    /// Replaces the certificate that clients are shown.
    fn show(&self, name: &str) -> Result<()> {
        for ending in ["pem", "key.pem"] {
            let new = self.path("new");
            fs::copy(tls::folder().join(format!("{name}.{ending}")), &new)?;
            fs::rename(new, self.path(&format!("shown.{ending}")))?;
        }
        Ok(())
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn render(&self, document: &Value) -> Result<Output> {
        fs::write(self.path("zot.json"), document.to_string())?;
        let mut command = Command::new(module::shim()?);
        command
            .args(["render", "envoy", "--upstream-authorization"])
            .args(["--config", &self.path("zot.json")])
            .args(["--upstream", &format!("http://{}", self.upstream.address())])
            .args(["--folder", &self.path("envoy")])
            .arg("--module")
            .arg(module::path()?);
        if self.form == Form::Folder {
            command.args(["--out", &self.path("envoy")]);
        }
        let output = command.output()?;
        let log = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{log}");
        fs::create_dir_all(self.path("envoy"))?;
        if self.form == Form::OneFile {
            fs::write(self.path("envoy/bootstrap.yaml"), &output.stdout)?;
        }
        Ok(output)
    }

    fn envoy(&self) -> Result<Command> {
        let mut command = Command::new(envoy::binary()?);
        command
            .args(["-c", &self.path("envoy/bootstrap.yaml")])
            .args(["--concurrency", "2", "--use-dynamic-base-id"])
            .env("REGISTRY_AUTH_PUSH_KEY", PUSH_KEY)
            .env("REGISTRY_UPSTREAM_AUTHORIZATION", UPSTREAM_AUTHORIZATION);
        Ok(command)
    }

    fn validate(&self) -> Result<()> {
        let output = self.envoy()?.args(["--mode", "validate"]).output()?;
        ensure!(
            output.status.success(),
            "{:?}: {}",
            self.form,
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    fn start(&self) -> Result<Program> {
        let mut program = Program::start("envoy", &mut self.envoy()?, self.folder.path())?;
        let request = Request::new("GET", "/v2/");
        program.wait_until(|| client::send_over_tls(self.clients, &request, PATIENCE).is_ok())?;
        Ok(program)
    }

    /// Pushes keys, with the document that was rendered.
    fn shim(&self) -> Result<Program> {
        let mut command = Command::new(module::shim()?);
        command
            .args(["serve", "--config", &self.path("zot.json")])
            .args([
                "--envoy",
                &format!("unix:{}", self.path("envoy/intake.sock")),
            ])
            .env("REGISTRY_AUTH_PUSH_KEY", PUSH_KEY);
        Program::start("shim", &mut command, self.folder.path())
    }

    /// Returns the status; `None` if the handshake fails.
    fn status(&self, row: &Row<'_>) -> Result<Option<u16>> {
        let mut request = Request::new(row.method, "/v2/team/app/manifests/v1");
        if let Some(issuer) = row.issuer {
            let claims = json!({ "sub": "ci", "aud": "registry", "iat": "-1m", "exp": "+1h" });
            let claims: Map<String, Value> = serde_json::from_value(claims)?;
            let token = issuer.token(row.key, claims, now())?;
            request = request.header("authorization", &format!("Bearer {token}"));
        }
        request.certificate = row.certificate.map(tls::pem).transpose()?;
        let answer = client::send_over_tls(self.clients, &request, PATIENCE);
        Ok(answer.ok().map(|answer| answer.status))
    }

    /// Repeats a request until this is its status.
    fn comes_to(&self, row: &Row<'_>, log: &Program) -> Result<()> {
        let deadline = Instant::now() + LIMIT;
        loop {
            let found = self.status(row)?;
            if found == row.status {
                return Ok(());
            }
            ensure!(
                Instant::now() < deadline,
                "{:?}: {}: {found:?} instead of {:?}\n{}",
                self.form,
                row.name,
                row.status,
                log.log()
            );
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// A request, and its status; `None` for a handshake that fails.
#[derive(Clone, Copy)]
struct Row<'a> {
    name: &'static str,
    method: &'static str,
    issuer: Option<&'a Issuer>,
    key: &'static str,
    certificate: Option<&'static str>,
    status: Option<u16>,
}

fn rows(issuers: &Issuers) -> Vec<Row<'_>> {
    let row = |name, issuer, status| Row {
        name,
        method: "GET",
        issuer,
        key: "es256",
        certificate: None,
        status,
    };
    let (ok, no) = (Some(200), Some(401));
    vec![
        row("nobody", None, no),
        row("keys over http", Some(&issuers.plain), ok),
        row("keys over TLS, by name", Some(&issuers.named), ok),
        row("keys over TLS, by address", Some(&issuers.address), ok),
        row("another authority", Some(&issuers.stranger), Some(503)),
        row("another name", Some(&issuers.misnamed), Some(503)),
        row("pushed keys", Some(&issuers.pushed), ok),
        Row {
            key: "other-es256",
            ..row("a key of another", Some(&issuers.named), no)
        },
        Row {
            method: "DELETE",
            ..row("more than the policy has", Some(&issuers.plain), Some(403))
        },
        Row {
            certificate: Some("alice"),
            ..row("a certificate", None, ok)
        },
        Row {
            certificate: Some("alice"),
            method: "DELETE",
            ..row("more than her policy has", None, Some(403))
        },
        Row {
            certificate: Some("alice"),
            key: "other-es256",
            ..row(
                "a bad token decides before a certificate",
                Some(&issuers.plain),
                no,
            )
        },
        Row {
            certificate: Some("stray"),
            ..row("a certificate of another authority", None, None)
        },
    ]
}

fn play(form: Form) -> Result<()> {
    let issuers = Issuers::serve()?;
    let proxy = Proxy::new(form)?;
    let rendered = proxy.render(&document(&issuers.entries(), &proxy, &["read"]))?;
    let said = String::from_utf8_lossy(&rendered.stderr).into_owned();
    ensure!(said.contains("needed: REGISTRY_AUTH_PUSH_KEY"), "{said}");
    proxy.validate()?;
    let envoy = proxy.start()?;
    let pushed = Row {
        name: "keys that were not pushed yet",
        status: Some(503),
        issuer: Some(&issuers.pushed),
        ..rows(&issuers).into_iter().next().context("no row")?
    };
    proxy.comes_to(&pushed, &envoy)?;
    let shim = proxy.shim()?;
    for row in rows(&issuers) {
        let log = if row.name == "pushed keys" {
            &shim
        } else {
            &envoy
        };
        proxy.comes_to(&row, log)?;
    }
    let seen = proxy.upstream.seen(0).context("nothing came")?;
    let credentials = seen.values("authorization");
    ensure!(credentials == [UPSTREAM_AUTHORIZATION], "{credentials:?}");
    if form == Form::Folder {
        change(&proxy, &issuers, &envoy)?;
    }
    Ok(())
}

/// Renders other documents over the files of a running Envoy.
fn change(proxy: &Proxy, issuers: &Issuers, envoy: &Program) -> Result<()> {
    let delete = |status| Row {
        name: "after a change of the policy",
        method: "DELETE",
        issuer: Some(&issuers.plain),
        key: "es256",
        certificate: None,
        status: Some(status),
    };
    proxy.render(&document(&issuers.entries(), proxy, &["read", "delete"]))?;
    proxy.comes_to(&delete(200), envoy)?;
    // Another cluster and another filter: a request never meets the one without the other.
    let narrowed = document(&issuers.plain_entry(), proxy, &["read"]);
    proxy.render(&narrowed)?;
    ensure!(!Path::new(&proxy.path("envoy/intake.yaml")).exists());
    proxy.comes_to(&delete(403), envoy)?;
    let gone = Row {
        name: "an issuer that is gone",
        method: "GET",
        issuer: Some(&issuers.named),
        status: Some(401),
        ..delete(0)
    };
    proxy.comes_to(&gone, envoy)?;
    // A certificate that is replaced is shown to the next connection: here one that no client
    // accepts.
    proxy.show("issuer")?;
    let unknown = Row {
        name: "another certificate of the listener",
        status: None,
        ..gone
    };
    proxy.comes_to(&unknown, envoy)
}

#[test]
fn one_file_decides_as_the_document_says_in_envoy() -> Outcome {
    play(Form::OneFile)?;
    Ok(())
}

#[test]
fn a_folder_decides_as_the_document_says_and_changes_while_envoy_runs() -> Outcome {
    play(Form::Folder)?;
    Ok(())
}
