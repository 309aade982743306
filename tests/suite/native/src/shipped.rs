//! The files that ship in `envoy/`.

use std::fs;

use anyhow::Context as _;
use registry_auth_cases::Outcome;
use registry_auth_harness::module;
use registry_auth_harness::shipped::{CONFIGURATION, DISCOVERY, PLUGIN};
use serde_json::Value;

fn text(file: &str) -> anyhow::Result<String> {
    fs::read_to_string(module::workspace().join(file)).with_context(|| file.to_owned())
}

/// The lines of a YAML block below the line that ends with `opening`, without their indentation.
fn block(yaml: &str, opening: &str) -> String {
    let mut lines = yaml
        .lines()
        .skip_while(|line| !line.ends_with(opening))
        .skip(1)
        .peekable();
    let indentation = lines
        .peek()
        .map_or(0, |line| line.len() - line.trim_start().len());
    let inside =
        lines.take_while(|line| line.is_empty() || line.starts_with(&" ".repeat(indentation)));
    inside
        .map(|line| line.get(indentation..).unwrap_or_default())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn the_plugin_configuration_in_envoys_is_that_of_filter_json() -> Outcome {
    let inline = block(&text(CONFIGURATION)?, "value: |");
    assert_eq!(inline.trim_end(), text(PLUGIN)?.trim_end());
    Ok(())
}

/// The file that Envoy reads again when it is replaced. Its plugin configuration is text too: a
/// `Struct` would reach the module as a protobuf message.
#[test]
fn the_file_of_discovery_has_the_same_plugin() -> Outcome {
    let file: Value = serde_json::from_str(&text(DISCOVERY)?).context(DISCOVERY)?;
    let config = file
        .pointer("/resources/0/typed_config/config")
        .context("no plugin")?;
    let plugin: Value = serde_json::from_str(&text(PLUGIN)?).context(PLUGIN)?;
    let configuration = &config["configuration"];
    assert_eq!(
        configuration["@type"],
        "type.googleapis.com/google.protobuf.StringValue"
    );
    let text = configuration["value"]
        .as_str()
        .context("the plugin configuration is no text")?;
    assert_eq!(
        serde_json::from_str::<Value>(text).context(DISCOVERY)?,
        plugin
    );
    assert_eq!(config["failure_policy"], "FAIL_RELOAD");
    assert_eq!(config["reload_config"]["backoff"]["base_interval"], "1s");
    assert_eq!(config["allow_on_headers_stop_iteration"], true);
    Ok(())
}

#[test]
fn each_plugin_fails_closed_and_can_wait_with_a_body() -> Outcome {
    let yaml = text(CONFIGURATION)?;
    let plugins = yaml
        .matches("envoy.extensions.filters.http.wasm.v3.Wasm")
        .count();
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
    for setting in [
        "normalize_path: false",
        "merge_slashes: false",
        "path_with_escaped_slashes_action: KEEP_UNCHANGED",
    ] {
        assert_eq!(yaml.matches(setting).count(), plugins, "{setting}");
    }
    assert!(!yaml.contains("fail_open"));
    Ok(())
}

/// By default, any program of the host may listen on the same port as Envoy.
#[test]
fn no_other_program_can_listen_where_a_shipped_intake_does() -> Outcome {
    shipped_intakes_are_kept()?;
    Ok(())
}

fn shipped_intakes_are_kept() -> anyhow::Result<()> {
    let mut intakes = 0;
    for entry in fs::read_dir(module::workspace().join("envoy"))? {
        let path = entry?.path();
        let Ok(text) = fs::read_to_string(&path) else {
            continue;
        };
        let roles = text.matches("\"intake\": {\"pushKey\"").count();
        let socket = |line: &&str| {
            line.trim_start().starts_with("address: { pipe: ") && line.contains("mode: 0600")
        };
        let kept = text.lines().filter(socket).count()
            + text
                .lines()
                .filter(|line| line.trim() == "enable_reuse_port: false")
                .count();
        assert!(
            roles <= kept,
            "{}: {roles} intakes, {kept} of them for Envoy alone",
            path.display()
        );
        assert!(!text.contains("--envoy http"), "{}", path.display());
        intakes += roles;
    }
    assert!(intakes > 0, "no intake is shipped");
    Ok(())
}
