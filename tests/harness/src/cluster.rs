//! A real Kubernetes API server and its etcd, where `cargo xtask kube` has built them. There are no
//! nodes and no controllers: what deletes a Secret whose owner is gone is not here.

pub mod kubeconfig;
mod rights;

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::client::{self, Request};
use crate::program::{Program, free_address, tool};

/// The token of the administrator.
const ADMIN: &str = "the-administrator-of-these-tests";
const PATIENCE: Duration = Duration::from_secs(30);

/// A running cluster.
pub struct Cluster {
    folder: TempDir,
    port: u16,
    programs: Vec<Program>,
}

impl Cluster {
    /// Starts etcd and the API server; `None`, and a line on stderr, where they are not built.
    ///
    /// # Errors
    /// They do not start.
    pub fn start() -> Result<Option<Self>> {
        let [etcd, server] = ["kube/etcd", "kube/kube-apiserver"].map(tool);
        if !server.exists() || !etcd.exists() {
            // Past the harness of tests, which shows the output of failures only.
            let line = b"no API server (`cargo xtask kube` builds it): only the stub was used\n";
            std::io::Write::write_all(&mut std::io::stderr(), line)?;
            return Ok(None);
        }
        let folder = TempDir::with_prefix("registry-auth-cluster-")?;
        let [clients, peers, secure] = [free_address()?, free_address()?, free_address()?];
        let mut command = Command::new(etcd);
        command
            .arg(option("data-dir", &folder.path().join("etcd")))
            .arg(format!("--listen-client-urls=http://{clients}"))
            .arg(format!("--advertise-client-urls=http://{clients}"))
            .arg(format!("--listen-peer-urls=http://{peers}"))
            .arg("--unsafe-no-fsync=true");
        let mut etcd = Program::start("etcd", &mut command, folder.path())?;
        etcd.wait(clients, "/health")?;
        let mut cluster = Self {
            folder,
            port: secure.port(),
            programs: vec![etcd],
        };
        cluster.serve(&server, &clients.to_string())?;
        Ok(Some(cluster))
    }

    fn serve(&mut self, server: &Path, etcd: &str) -> Result<()> {
        let [key, tokens] = ["service-accounts.key", "tokens.csv"].map(|name| self.file(name));
        let made = Command::new("openssl")
            .args([
                "ecparam",
                "-name",
                "prime256v1",
                "-genkey",
                "-noout",
                "-out",
            ])
            .arg(&key)
            .status();
        ensure!(made.context("no openssl")?.success(), "openssl made no key");
        fs::write(&tokens, format!("{ADMIN},admin,admin,\"system:masters\"\n"))?;
        let mut command = Command::new(server);
        command
            .arg(format!("--etcd-servers=http://{etcd}"))
            .arg(format!("--secure-port={}", self.port))
            .args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1"])
            .arg(option("cert-dir", &self.file("certificates")))
            .arg(option("service-account-key-file", &key))
            .arg(option("service-account-signing-key-file", &key))
            .arg(format!("--service-account-issuer={}", self.url()))
            .arg(option("token-auth-file", &tokens))
            .args([
                "--authorization-mode=RBAC",
                "--service-cluster-ip-range=10.0.0.0/24",
            ])
            // Accounts are all that is needed: no pods.
            .arg("--disable-admission-plugins=ServiceAccount");
        let mut program = Program::start("kube-apiserver", &mut command, self.folder.path())?;
        let (authority, port) = (self.authority(), self.port);
        let listens = || authority.exists() && TcpStream::connect(("127.0.0.1", port)).is_ok();
        program.wait_until(listens)?;
        let ready = || {
            let answer = self.request("GET", "/readyz", None);
            answer.is_ok_and(|(status, _)| status == 200)
        };
        program.wait_until(ready)?;
        self.programs.push(program);
        let text = kubeconfig::text(&self.url(), Some(&authority), Some(ADMIN));
        Ok(fs::write(self.admin(), text)?)
    }

    /// Returns the kubeconfig of the administrator.
    #[must_use]
    pub fn admin(&self) -> PathBuf {
        self.file("admin.kubeconfig")
    }

    /// Returns the URL of the API server, which is the issuer of its tokens too.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Returns the file of the certificate authority.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.file("certificates/apiserver.crt")
    }

    /// Returns the path of a file of this cluster.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Sends a request as the administrator, with a JSON body if there is one; returns status and
    /// answer.
    ///
    /// # Errors
    /// There is no answer.
    pub fn request(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value)> {
        let kind = match method {
            "PATCH" => "application/merge-patch+json",
            _ => "application/json",
        };
        let body = body.map(|body| (kind, body.to_string()));
        self.send(method, path, body)
    }

    fn send(&self, method: &str, path: &str, body: Option<(&str, String)>) -> Result<(u16, Value)> {
        let mut request = Request::new(method, path);
        request = request.header("authorization", &format!("Bearer {ADMIN}"));
        if let Some((kind, body)) = body {
            request = request.header("content-type", kind).body(body.into_bytes());
        }
        let address = format!("127.0.0.1:{}", self.port).parse()?;
        let answer = client::send_trusting(address, &self.authority(), &request, PATIENCE)?;
        let body = serde_json::from_slice(&answer.body).unwrap_or_default();
        Ok((answer.status, body))
    }
}

fn option(name: &str, value: &Path) -> String {
    format!("--{name}={}", value.display())
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The API server first: it would complain of a store that is gone.
        while let Some(program) = self.programs.pop() {
            drop(program);
        }
    }
}
