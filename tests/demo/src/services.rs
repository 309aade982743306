//! The services of the demonstration: registry, issuer, Secrets Manager, shim, Envoy.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use registry_auth_harness::callers::{self, ISSUER, ISSUER_KEY};
use registry_auth_harness::client::{self, Request};
use registry_auth_harness::issuer::Issuer;
use registry_auth_harness::key::TestKey;
use registry_auth_harness::program::{Program, free_address, tool};
use registry_auth_harness::push::random_key;
use registry_auth_harness::server::Server;
use registry_auth_harness::shipped::{self, Addresses};
use registry_auth_harness::{distribution, module};
use serde_json::json;
use tempfile::TempDir;

/// The secret that `envoy/filter.json` names.
const SECRET: &str = "registry/jwt-verification-keys";
const PATIENCE: Duration = Duration::from_secs(20);

/// The running services. Dropped in the order of the fields, so that none of them uses one that has
/// stopped.
pub(crate) struct Services {
    programs: Vec<Program>,
    issuer: Server,
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
        let (registry_clients, secrets) = (free_address()?, free_address()?);
        let mut services = Self {
            programs: Vec::new(),
            issuer,
            registry_clients,
            secrets,
            folder,
        };
        services.start_secrets_manager()?;
        let registry = services.start_registry()?;
        services.start_envoy(registry)?;
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

    /// Starts Envoy with the configuration of `envoy/`, in which only addresses are replaced, and
    /// the shim with the same configuration.
    fn start_envoy(&mut self, registry: SocketAddr) -> Result<()> {
        let (clients, issuer) = (self.registry_clients, self.issuer.address());
        let (admin, intake, push_key) = (
            free_address()?,
            self.folder.path().join("intake.sock"),
            random_key()?,
        );
        let text = Addresses {
            clients,
            intake: intake.clone(),
            admin,
            registry,
            issuer,
        }
        .configuration()?;
        self.programs
            .push(shipped::start(&text, admin, &push_key, self.folder.path())?);
        told("Envoy with the filter", self.registry_clients);
        let shim = Program::start(
            "shim",
            Command::new(module::workspace().join("target/release/registry-auth"))
                .args([
                    "serve",
                    "--config",
                    shipped::PLUGIN,
                    "--envoy",
                    &format!("unix://{}", intake.display()),
                ])
                .env("REGISTRY_AUTH_PUSH_KEY", &push_key)
                .env("AWS_ENDPOINT_URL", format!("http://{}", self.secrets))
                .envs([
                    ("AWS_ACCESS_KEY_ID", "demo"),
                    ("AWS_SECRET_ACCESS_KEY", "demo"),
                ]),
            self.folder.path(),
        )?;
        self.programs.push(shim);
        told("registry-auth serve, pushing to", intake.display());
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

    fn ask_secrets_manager(&self, operation: &str, arguments: &serde_json::Value) -> Result<()> {
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
            "\nEverything keeps running; Ctrl-C ends it. Callers: ci, tester, rotated, anonymous. Try, in another terminal:"
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
        eprintln!("  tail -f {folder}/envoy.log {folder}/shim.log");
        Ok(())
    }
}

fn secret(keys: &[&str]) -> Result<String> {
    let mut members = serde_json::Map::new();
    for name in keys {
        members.insert((*name).to_owned(), TestKey::named(name)?.pkix_pem()?.into());
    }
    Ok(serde_json::Value::Object(members).to_string())
}

fn told(what: &str, address: impl std::fmt::Display) {
    eprintln!("  {what:<32} {address}");
}
