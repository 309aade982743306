//! Configurations that must not start, in Envoy.

use anyhow::{Context as _, Result, ensure};
use registry_auth_cases::Outcome;
use registry_auth_cases::refused::{good, rows};
use registry_auth_harness::envoy::{self, Bootstrap, Listener};
use registry_auth_harness::module;
use registry_auth_harness::substrate::ENVIRONMENT;
use serde_json::{Value, json};

/// Returns true if Envoy accepts a plugin configuration, given in its JSON form of a protobuf
/// `Any`; and its log.
fn validate(configuration: &Value) -> Result<(bool, String)> {
    const PLUGIN: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config/config/configuration";
    let bootstrap = Bootstrap {
        module: module::path()?,
        listeners: vec![Listener {
            name: "main".to_owned(),
            configuration: String::new(),
            vm_id: "refused".to_owned(),
            ..Listener::default()
        }],
        environment: ENVIRONMENT
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        ..Bootstrap::default()
    };
    let mut json = bootstrap.to_json()?;
    *json.pointer_mut(PLUGIN).context("there is no plugin")? = configuration.clone();
    envoy::validate(&envoy::binary()?, &json)
}

#[test]
fn what_must_not_start_is_refused_envoy() -> Outcome {
    let text = |value: &str| json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": value});
    let of_type = |name: &str, value: Value| json!({"@type": format!("type.googleapis.com/google.protobuf.{name}"), "value": value});
    let (started, log) = validate(&text(&good().to_string()))?;
    check(started, &log)?;
    // Envoy hands over everything but a text, and bytes, as the message that it is; to a dynamic
    // module a struct too as JSON.
    let kinds: &[&str] = if module::is_native() {
        let (started, log) = validate(&of_type("Struct", good()))?;
        check(started, &log)?;
        &["Value"]
    } else {
        &["Struct", "Value"]
    };
    let raw = kinds
        .iter()
        .map(|name| (of_type(name, good()), "is a protobuf message and not JSON"));
    let rows = rows().into_iter().filter_map(|(configuration, message)| {
        // The bytes of a message are no text that a bootstrap may hold.
        let configuration = String::from_utf8(configuration)
            .ok()
            .filter(|text| !text.contains('\0'))?;
        Some((text(&configuration), message))
    });
    for (configuration, message) in rows.chain(raw) {
        let (started, log) = validate(&configuration)?;
        check(
            !started && log.contains(message),
            &format!("{configuration} ({message}): {log}"),
        )?;
    }
    Ok(())
}

fn check(holds: bool, message: &str) -> Result<()> {
    ensure!(holds, "{message}");
    Ok(())
}
