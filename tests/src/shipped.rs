//! The configuration that ships in `envoy/`, run at other addresses.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::program::Program;
use crate::{envoy, module};

/// Envoy's file.
pub const CONFIGURATION: &str = "envoy/envoy.yaml";
/// The file of the filter alone, which Envoy reads again when it is replaced.
pub const DISCOVERY: &str = "envoy/discovery.json";
/// The plugin configuration that is in them.
pub const PLUGIN: &str = "envoy/filter.json";

/// Where everything is, in place of the ports that are written in the file.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// The listener for registry clients.
    pub clients: SocketAddr,
    /// The listener for pushed keys.
    pub intake: SocketAddr,
    /// Envoy's admin port.
    pub admin: SocketAddr,
    /// The registry.
    pub registry: SocketAddr,
    /// The OIDC issuer.
    pub issuer: SocketAddr,
}

impl Addresses {
    /// The shipped configuration, nothing changed but addresses and where the module is.
    ///
    /// # Errors
    /// The file has other ports than this type knows, or the module is missing or stale.
    pub fn configuration(&self) -> Result<String> {
        let text = fs::read_to_string(module::workspace().join(CONFIGURATION)).context(CONFIGURATION)?;
        let text =
            exchange(&text, "filename: target/registry-auth.wasm ", &format!("filename: {} ", json!(module::path()?)))?;
        let ports =
            [(8080, self.clients), (9902, self.intake), (9901, self.admin), (5000, self.registry), (5556, self.issuer)];
        ports.into_iter().try_fold(text, |text, (port, address)| {
            exchange(&text, &format!("port_value: {port} "), &format!("port_value: {} ", address.port()))
        })
    }
}

/// What the module may call and be called by (`capability_restriction_config`).
///
/// # Errors
/// The file of the filter has none.
pub fn capabilities() -> Result<Value> {
    let text = fs::read_to_string(module::workspace().join(DISCOVERY)).context(DISCOVERY)?;
    let file: Value = serde_json::from_str(&text).context(DISCOVERY)?;
    let capabilities = file.pointer("/resources/0/typed_config/config/capability_restriction_config");
    capabilities.cloned().with_context(|| format!("`{DISCOVERY}` restricts no capabilities"))
}

/// The configuration with `realm` as `bearer.realm`.
///
/// # Errors
/// The file has no such member.
pub fn with_realm(configuration: &str, realm: &str) -> Result<String> {
    let (before, after) = configuration.split_once("\"bearer\": {").context("there is no bearer block")?;
    let (between, rest) = after.split_once("\"realm\": \"registry\"").context("the bearer block has no realm")?;
    ensure!(between.trim().is_empty(), "the realm is not the first member of the bearer block");
    Ok(format!("{before}\"bearer\": {{\"realm\": {}{rest}", json!(realm)))
}

fn exchange(text: &str, from: &str, to: &str) -> Result<String> {
    ensure!(text.matches(from).count() == 1, "`{CONFIGURATION}` has not exactly one `{from}`");
    Ok(text.replace(from, to))
}

/// Starts Envoy with a configuration; `folder` gets it, and the log with the accesses.
///
/// # Errors
/// Envoy is missing or does not start.
pub fn start(configuration: &str, admin: SocketAddr, push_key: &str, folder: &Path) -> Result<Program> {
    let file = folder.join("envoy.yaml");
    fs::write(&file, configuration)?;
    let mut program = Program::start(
        "envoy",
        Command::new(envoy::binary()?)
            .arg("-c")
            .arg(file)
            .args(["--concurrency", "2", "--use-dynamic-base-id", "--file-flush-interval-msec", "20"])
            .env("REGISTRY_AUTH_PUSH_KEY", push_key),
        folder,
    )?;
    program.wait(admin, "/ready")?;
    Ok(program)
}
