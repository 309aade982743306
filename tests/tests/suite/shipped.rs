//! The configurations that ship in `envoy/`.

use std::fs;
use std::process::Command;

use anyhow::Context as _;
use registry_auth_tests::{envoy, module};
use serde_json::Value;

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

/// The file that Envoy reads again when it is replaced; its plugin configuration is JSON and no text.
#[test]
fn the_file_of_discovery_has_the_same_plugin() -> Outcome {
    let file: Value = serde_json::from_str(&text(DISCOVERY)?).context(DISCOVERY)?;
    let config = file.pointer("/resources/0/typed_config/config").context("no plugin")?;
    let plugin: Value = serde_json::from_str(&text(PLUGIN)?).context(PLUGIN)?;
    assert_eq!(config["configuration"]["value"], plugin);
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
