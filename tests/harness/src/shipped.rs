//! The configuration that ships in `envoy/`, run at other addresses.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::program::Program;
use crate::substrate::UPSTREAM_AUTHORIZATION;
use crate::{envoy, module};

/// Envoy's file.
pub const CONFIGURATION: &str = "envoy/envoy.yaml";
/// The file of the filter alone, which Envoy reads again when it is replaced.
pub const DISCOVERY: &str = "envoy/discovery.json";
/// The plugin configuration that is in them.
pub const PLUGIN: &str = "envoy/filter.json";

/// Where everything is, in place of the ports that are written in the file.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The listener for registry clients.
    pub clients: SocketAddr,
    /// The socket for pushed keys.
    pub intake: PathBuf,
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
        let text =
            fs::read_to_string(module::workspace().join(CONFIGURATION)).context(CONFIGURATION)?;
        let text = exchange(
            &text,
            "filename: target/registry-auth.wasm ",
            &format!("filename: {} ", json!(module::path()?)),
        )?;
        let text = exchange(
            &text,
            "path: target/intake.sock,",
            &format!("path: {},", json!(self.intake)),
        )?;
        let ports = [
            (8080, self.clients),
            (9901, self.admin),
            (5000, self.registry),
            (5556, self.issuer),
        ];
        ports.into_iter().try_fold(text, |text, (port, address)| {
            exchange(
                &text,
                &format!("port_value: {port} "),
                &format!("port_value: {} ", address.port()),
            )
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
    let capabilities =
        file.pointer("/resources/0/typed_config/config/capability_restriction_config");
    capabilities
        .cloned()
        .with_context(|| format!("`{DISCOVERY}` restricts no capabilities"))
}

/// The configuration with a changed plugin configuration.
///
/// # Errors
/// The plugin configuration is not where it is in the file, or `change` says so.
pub fn with_plugin(
    configuration: &str,
    change: impl FnOnce(&mut Value) -> Result<()>,
) -> Result<String> {
    let (before, rest) = configuration
        .split_once("value: |\n")
        .context("there is no plugin configuration")?;
    let indentation: String = rest
        .chars()
        .take_while(|character| *character == ' ')
        .collect();
    let block: String = rest
        .split_inclusive('\n')
        .take_while(|line| line.starts_with(&indentation))
        .collect();
    let after = rest.strip_prefix(&block).unwrap_or_default();
    let mut plugin = serde_json::from_str(&block).context("the plugin configuration is no JSON")?;
    change(&mut plugin)?;
    Ok(format!("{before}value: |\n{indentation}{plugin}\n{after}"))
}

fn exchange(text: &str, from: &str, to: &str) -> Result<String> {
    ensure!(
        text.matches(from).count() == 1,
        "`{CONFIGURATION}` has not exactly one `{from}`"
    );
    Ok(text.replace(from, to))
}

/// Starts Envoy with a configuration; `folder` gets it, and the log with the accesses.
///
/// # Errors
/// Envoy is missing or does not start.
pub fn start(
    configuration: &str,
    admin: SocketAddr,
    push_key: &str,
    folder: &Path,
) -> Result<Program> {
    let file = folder.join("envoy.yaml");
    let mut command = Command::new(envoy::binary()?);
    if module::is_native() {
        // Envoy reads the octal numbers of YAML 1.1. JSON is YAML too.
        let configuration = exchange(configuration, "mode: 0600", "mode: 384")?;
        let document = serde_saphyr::from_str(&configuration).context(CONFIGURATION)?;
        envoy::write(&file, &document, &mut command)?;
    } else {
        fs::write(&file, configuration)?;
    }
    let mut program = Program::start(
        "envoy",
        command
            .arg("-c")
            .arg(file)
            .args([
                "--concurrency",
                "2",
                "--use-dynamic-base-id",
                "--file-flush-interval-msec",
                "20",
            ])
            .env("REGISTRY_AUTH_PUSH_KEY", push_key)
            .env("REGISTRY_UPSTREAM_AUTHORIZATION", UPSTREAM_AUTHORIZATION),
        folder,
    )?;
    program.wait(admin, "/ready")?;
    Ok(program)
}
