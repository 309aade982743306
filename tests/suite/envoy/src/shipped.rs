//! The configurations that ship in `envoy/`.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::process::Command;

use anyhow::Context as _;
use registry_auth_tests::program::free_address;
use registry_auth_tests::push::random_key;
use registry_auth_tests::shipped::{self, Addresses};
use registry_auth_tests::{envoy, module};
use serde_json::Value;
use tempfile::TempDir;

use crate::Outcome;

const CONFIGURATION: &str = "envoy/envoy.yaml";
const DISCOVERY: &str = "envoy/discovery.json";
const PLUGIN: &str = "envoy/filter.json";

fn text(file: &str) -> anyhow::Result<String> {
    fs::read_to_string(module::workspace().join(file)).with_context(|| file.to_owned())
}

/// The lines of a YAML block below the line that ends with `opening`, without their indentation.
fn block(yaml: &str, opening: &str) -> String {
    let mut lines = yaml.lines().skip_while(|line| !line.ends_with(opening)).skip(1).peekable();
    let indentation = lines.peek().map_or(0, |line| line.len() - line.trim_start().len());
    let inside = lines.take_while(|line| line.is_empty() || line.starts_with(&" ".repeat(indentation)));
    inside.map(|line| line.get(indentation..).unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_plugin_configuration_in_envoys_is_that_of_filter_json() -> Outcome {
    let inline = block(&text(CONFIGURATION)?, "value: |");
    assert_eq!(inline.trim_end(), text(PLUGIN)?.trim_end());
    Ok(())
}

/// The file that Envoy reads again when it is replaced. Its plugin configuration is text too: a `Struct` would reach the module as a
/// protobuf message.
#[test]
fn the_file_of_discovery_has_the_same_plugin() -> Outcome {
    let file: Value = serde_json::from_str(&text(DISCOVERY)?).context(DISCOVERY)?;
    let config = file.pointer("/resources/0/typed_config/config").context("no plugin")?;
    let plugin: Value = serde_json::from_str(&text(PLUGIN)?).context(PLUGIN)?;
    let configuration = &config["configuration"];
    assert_eq!(configuration["@type"], "type.googleapis.com/google.protobuf.StringValue");
    let text = configuration["value"].as_str().context("the plugin configuration is no text")?;
    assert_eq!(serde_json::from_str::<Value>(text).context(DISCOVERY)?, plugin);
    assert_eq!(config["failure_policy"], "FAIL_RELOAD");
    assert_eq!(config["reload_config"]["backoff"]["base_interval"], "1s");
    assert_eq!(config["allow_on_headers_stop_iteration"], true);
    Ok(())
}

#[test]
fn each_plugin_fails_closed_and_can_wait_with_a_body() -> Outcome {
    let yaml = text(CONFIGURATION)?;
    let plugins = yaml.matches("envoy.extensions.filters.http.wasm.v3.Wasm").count();
    assert_eq!(plugins, 2);
    for setting in [
        "failure_policy: FAIL_RELOAD",
        "reload_config: { backoff: { base_interval: 1s } }",
        "allow_on_headers_stop_iteration: true",
        "capability_restriction_config: ",
        "vm_config: ",
    ] {
        assert_eq!(yaml.matches(setting).count(), plugins, "{setting}");
    }
    for setting in ["normalize_path: false", "merge_slashes: false", "path_with_escaped_slashes_action: KEEP_UNCHANGED"]
    {
        assert_eq!(yaml.matches(setting).count(), plugins, "{setting}");
    }
    assert!(!yaml.contains("fail_open"));
    Ok(())
}

/// Envoy loads the module and lets it compile its configuration when it validates.
#[test]
fn envoy_accepts_the_shipped_configuration_and_refuses_it_without_the_push_key() -> Outcome {
    if envoy::may_be_skipped() {
        return Ok(());
    }
    module::path()?;
    let validate = |push_key: Option<&str>| -> anyhow::Result<(bool, String)> {
        let mut command = Command::new(envoy::binary()?);
        command.current_dir(module::workspace()).args(["--mode", "validate", "-c", CONFIGURATION]);
        command.env_remove("REGISTRY_AUTH_PUSH_KEY").envs(push_key.map(|key| ("REGISTRY_AUTH_PUSH_KEY", key)));
        let output = command.output().context("envoy cannot be run")?;
        Ok((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
    };
    let (accepted, log) = validate(Some("0123456789abcdef0123456789abcdef"))?;
    if !accepted {
        return Err(anyhow::anyhow!("{log}").into());
    }
    if validate(None)?.0 {
        return Err(anyhow::anyhow!("envoy accepted a plugin without push key").into());
    }
    Ok(())
}

/// Beside a port that Envoy opens by default, any program of the host may listen on the same one.
#[test]
fn no_other_program_can_listen_where_a_shipped_intake_does() -> Outcome {
    shipped_intakes_are_kept()?;
    Ok(())
}

fn shipped_intakes_are_kept() -> anyhow::Result<()> {
    let mut intakes = 0;
    for entry in fs::read_dir(module::workspace().join("envoy"))? {
        let path = entry?.path();
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let roles = text.matches("\"intake\": {\"pushKey\"").count();
        let socket = |line: &&str| line.trim_start().starts_with("address: { pipe: ") && line.contains("mode: 0600");
        let kept = text.lines().filter(socket).count()
            + text.lines().filter(|line| line.trim() == "enable_reuse_port: false").count();
        assert!(roles <= kept, "{}: {roles} intakes, {kept} of them for Envoy alone", path.display());
        assert!(!text.contains("--envoy http"), "{}", path.display());
        intakes += roles;
    }
    assert!(intakes > 0, "no intake is shipped");
    Ok(())
}

#[test]
fn the_intake_of_the_shipped_configuration_is_a_socket_of_envoys_user_in_envoy() -> Outcome {
    the_shipped_socket()?;
    Ok(())
}

fn the_shipped_socket() -> anyhow::Result<()> {
    if envoy::may_be_skipped() {
        return Ok(());
    }
    let folder = TempDir::with_prefix("registry-auth-shipped-")?;
    let intake = folder.path().join("intake.sock");
    let [clients, admin, registry, issuer] = [free_address()?, free_address()?, free_address()?, free_address()?];
    let text = Addresses { clients, intake: intake.clone(), admin, registry, issuer }.configuration()?;
    let _envoy = shipped::start(&text, admin, &random_key()?, folder.path())?;
    let found = fs::metadata(&intake)?;
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    let mut stream = UnixStream::connect(&intake)?;
    stream.write_all(b"GET /keys/v2/bearer HTTP/1.1\r\nhost: intake\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    Ok(())
}
