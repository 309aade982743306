//! The services of the demonstration: registry, issuer, Secrets Manager, and `registry-auth run`.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::callers::{self, ISSUER, ISSUER_KEY};
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::issuer::{Issuer, KEYS};
use registry_auth_harness::key::TestKey;
use registry_auth_harness::program::{Program, free_address, tool};
use registry_auth_harness::server::Server;
use registry_auth_harness::{distribution, envoy, module, shipped};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::github;

/// `ann` with the password `pw`: bcrypt of cost 5.
const USERS: &str = include_str!("../../fixtures/people-users.htpasswd");

/// The secret that `envoy/filter.json` names.
const SECRET: &str = "registry/jwt-verification-keys";
const PATIENCE: Duration = Duration::from_secs(20);

/// The running services. Dropped in the order of the fields, so that none of them uses one that has
/// stopped.
pub(crate) struct Services {
    programs: Vec<Program>,
    issuer: Server,
    github: Server,
    registry_clients: SocketAddr,
    secrets: SocketAddr,
    folder: TempDir,
}

impl Services {
    /// Starts all services on free loopback ports; the secret holds the key `es256`.
    pub(crate) fn set_up() -> Result<Self> {
        let folder = TempDir::with_prefix("registry-auth-demo-")?;
        let issuer = Issuer::new(ISSUER, &[ISSUER_KEY])?.serve()?;
        told("OIDC issuer", issuer.address());
        let github = github::start()?;
        told("GitHub Enterprise (stand-in)", github.address());
        let (registry_clients, secrets) = (free_address()?, free_address()?);
        let mut services = Self {
            programs: Vec::new(),
            issuer,
            github,
            registry_clients,
            secrets,
            folder,
        };
        services.start_secrets_manager()?;
        let registry = services.start_registry()?;
        services.start_proxy(registry)?;
        Ok(services)
    }

    fn start_secrets_manager(&mut self) -> Result<()> {
        let port = self.secrets.port().to_string();
        self.start(
            "moto",
            Command::new(tool("venv/bin/moto_server")).args(["-H", "127.0.0.1", "-p", &port]),
            self.secrets,
            "/",
        )?;
        told("AWS Secrets Manager (moto)", self.secrets);
        self.ask_secrets_manager(
            "CreateSecret",
            &json!({"Name": SECRET, "SecretString": secret(&["es256"])?}),
        )
    }

    fn start_registry(&mut self) -> Result<SocketAddr> {
        let (program, address) = distribution::start(self.folder.path())?;
        self.programs.push(program);
        told("registry", address);
        Ok(address)
    }

    /// Starts `registry-auth run` with the policy of `envoy/`, in which only addresses are new.
    fn start_proxy(&mut self, registry: SocketAddr) -> Result<()> {
        let file = self.folder.path().join("zot.json");
        fs::write(self.path("users"), USERS)?;
        fs::write(&file, self.document()?.to_string())?;
        let pages = free_address()?;
        let mut run = Program::start(
            "run",
            Command::new(module::shim()?)
                .arg("run")
                .arg("--config")
                .arg(&file)
                .args(["--upstream", &format!("http://{registry}")])
                .args(["--listen", &pages.to_string()])
                .arg("--store")
                .arg(self.path("people.db"))
                .arg("--envoy")
                .arg(envoy::binary()?)
                .env("TMPDIR", self.folder.path())
                .env("AWS_ENDPOINT_URL", format!("http://{}", self.secrets))
                .envs([
                    ("AWS_ACCESS_KEY_ID", "demo"),
                    ("AWS_SECRET_ACCESS_KEY", "demo"),
                ]),
            self.folder.path(),
        )?;
        run.wait(pages, "/readyz")?;
        self.programs.push(run);
        told("registry-auth run, for clients", self.registry_clients);
        told("its /readyz and /metrics", pages);
        Ok(())
    }

    /// The shipped configuration: the name of its issuer is made up, so that it is said where the
    /// keys are.
    fn document(&self) -> Result<Value> {
        let text = fs::read_to_string(module::workspace().join(shipped::PLUGIN))?;
        let mut document: Value = serde_json::from_str(&text)?;
        let http = document
            .get_mut("http")
            .and_then(Value::as_object_mut)
            .context("no `http`")?;
        let clients = self.registry_clients;
        http.insert("address".to_owned(), clients.ip().to_string().into());
        http.insert("port".to_owned(), clients.port().to_string().into());
        let issuer = document
            .pointer_mut("/http/auth/bearer/oidc/0")
            .and_then(Value::as_object_mut)
            .context("no issuer")?;
        issuer.remove("cluster");
        let keys = format!("http://{}{KEYS}", self.issuer.address());
        issuer.insert("jwksUri".to_owned(), keys.into());
        self.add_people(&mut document)?;
        Ok(document)
    }

    /// The sections of a zot file by which people log in, and what they may do.
    fn add_people(&self, document: &mut Value) -> Result<()> {
        let github = format!("http://{}/login/oauth", self.github.address());
        let (client, secret) = github::CLIENT;
        let sections = json!({
            "htpasswd": { "path": self.path("users") },
            "apiKey": true,
            "openid": { "providers": { "github": {
                "clientid": client, "clientsecret": secret, "scopes": ["user:email", "read:org"],
                "authurl": format!("{github}/authorize"), "tokenurl": format!("{github}/access_token"),
            } } },
        });
        let policy = json!({ "people/**": { "policies": [
            { "users": ["ann"], "groups": ["acme"], "actions": ["read", "create", "update"] },
        ] } });
        let url = json!({ "externalUrl": format!("http://{}", self.registry_clients) });
        for (place, members) in [
            ("/http", url),
            ("/http/auth", sections),
            ("/http/accessControl/repositories", policy),
        ] {
            let section = document
                .pointer_mut(place)
                .and_then(Value::as_object_mut)
                .with_context(|| format!("no {place}"))?;
            section.extend(members.as_object().cloned().unwrap_or_default());
        }
        Ok(())
    }

    fn start(
        &mut self,
        name: &'static str,
        command: &mut Command,
        address: SocketAddr,
        path: &str,
    ) -> Result<()> {
        let mut program = Program::start(name, command, self.folder.path())?;
        program.wait(address, path)?;
        self.programs.push(program);
        Ok(())
    }

    /// Returns the address of the registry for clients, through the filter.
    pub(crate) const fn address(&self) -> SocketAddr {
        self.registry_clients
    }

    /// Replaces the keys in the secret.
    pub(crate) fn rotate(&self, keys: &[&str]) -> Result<()> {
        self.ask_secrets_manager(
            "PutSecretValue",
            &json!({"SecretId": SECRET, "SecretString": secret(keys)?}),
        )
    }

    fn ask_secrets_manager(&self, operation: &str, arguments: &Value) -> Result<()> {
        let credential = "Credential=demo/20260101/us-east-1/secretsmanager/aws4_request";
        let request = Request::new("POST", "/")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", &format!("secretsmanager.{operation}"))
            .header(
                "authorization",
                &format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=none"),
            )
            .body(arguments.to_string().into_bytes());
        let answer = client::send(self.secrets, &request, PATIENCE)?;
        ensure!(
            answer.status == 200,
            "{operation}: {} {}",
            answer.status,
            String::from_utf8_lossy(&answer.body)
        );
        Ok(())
    }

    /// Writes the token of `caller`; `None` removes it.
    pub(crate) fn log_in(&self, caller: &str, token: Option<&str>) -> Result<()> {
        callers::log_in(
            &self.folder.path().join(caller),
            self.registry_clients,
            token,
        )
    }

    /// Writes the name and the password of `caller`.
    pub(crate) fn log_in_as(&self, caller: &str, user: &str, secret: &str) -> Result<()> {
        let folder = self.folder.path().join(caller);
        callers::log_in_as(&folder, self.registry_clients, Some((user, secret)))
    }

    /// Runs crane with the credentials of `caller`.
    pub(crate) fn crane(&self, caller: &str, arguments: &[&str]) -> Result<Output> {
        Command::new(tool("bin/crane"))
            .args(arguments)
            .env("DOCKER_CONFIG", self.folder.path().join(caller))
            .output()
            .context("crane cannot be started: run `cargo xtask demo`")
    }

    /// Returns the path of a file in the demo's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the ends of all logs, for a failed step.
    pub(crate) fn logs(&self) -> String {
        self.programs
            .iter()
            .map(Program::log)
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Prints commands to try by hand.
    pub(crate) fn describe(&self) -> Result<()> {
        let (registry, folder) = (self.registry_clients, self.folder.path().display());
        let crane = tool("bin/crane");
        let crane = crane
            .strip_prefix(module::workspace())
            .unwrap_or(&crane)
            .display();
        self.log_in("ci", Some(&callers::service_account("team", "ci", "+8h")?))?;
        eprintln!(
            "\nEverything keeps running; Ctrl-C ends it. Callers: ci, tester, rotated, anonymous, ann, octo. Try, in another terminal:"
        );
        eprintln!("  DOCKER_CONFIG={folder}/ci {crane} ls {registry}/team/app");
        eprintln!(
            "  DOCKER_CONFIG={folder}/ci {crane} copy {registry}/team/app:1 {registry}/team/app:2"
        );
        eprintln!(
            "  DOCKER_CONFIG={folder}/tester {crane} copy {registry}/team/app:1 {registry}/team/app:3"
        );
        eprintln!("  DOCKER_CONFIG={folder}/anonymous {crane} manifest {registry}/public/hello:1");
        eprintln!(
            "  curl -i -H \"Authorization: Bearer $(cat {folder}/ci/token)\" http://{registry}/v2/team/app/tags/list"
        );
        eprintln!("  curl -i http://{registry}/v2/team/app/tags/list");
        eprintln!("  open http://{registry}/login: `ann` with the password `pw`, or GitHub");
        eprintln!("  edit {folder}/zot.json: a change is live, or refused in the log");
        eprintln!("  tail -f {folder}/run.log");
        Ok(())
    }
}

fn secret(keys: &[&str]) -> Result<String> {
    let mut members = serde_json::Map::new();
    for name in keys {
        members.insert((*name).to_owned(), TestKey::named(name)?.pkix_pem()?.into());
    }
    Ok(Value::Object(members).to_string())
}

fn told(what: &str, address: impl std::fmt::Display) {
    eprintln!("  {what:<32} {address}");
}
