//! What is rendered has the security settings of `envoy/envoy.yaml`, which is written by hand.

use std::fs;

use registry_auth_render::Options;
use registry_auth_render::envoy::{self, Place};
use serde_json::{Value, json};

use crate::sample::{document, good, repository, yaml};

/// Returns the hand-written and the rendered configuration.
fn both() -> (Value, Value) {
    let written = fs::read_to_string(repository().join("envoy/envoy.yaml")).unwrap();
    let completed = good(&document("aws-with-oidc"), &Options::default());
    (
        yaml(&written),
        yaml(&envoy::bootstrap(&completed, &Place::default())),
    )
}

fn listener(configuration: &Value, index: usize) -> &Value {
    &configuration["static_resources"]["listeners"][index]
}

fn manager(configuration: &Value, index: usize) -> &Value {
    &listener(configuration, index)["filter_chains"][0]["filters"][0]["typed_config"]
}

/// Returns a value without the members that differ from document to document.
fn without(value: &Value, names: &[&str]) -> Value {
    let mut value = value.clone();
    value
        .as_object_mut()
        .unwrap()
        .retain(|name, _| !names.contains(&name.as_str()));
    value
}

#[test]
fn requests_are_treated_as_in_the_file_that_is_written_by_hand() {
    let (written, rendered) = both();
    for index in [0, 1] {
        let names = ["http_filters", "access_log"];
        let (mine, reference) = (manager(&rendered, index), manager(&written, index));
        assert!(reference["normalize_path"].is_boolean());
        assert_eq!(without(mine, &names), without(reference, &names), "{index}");
        let log = |manager: &Value| {
            let log = &manager["access_log"][0]["typed_config"]["log_format"]["text_format_source"];
            log["inline_string"]
                .as_str()
                .map(|text| text.trim().to_owned())
        };
        assert_eq!(log(mine), log(reference), "{index}");
        assert_eq!(
            mine["http_filters"][1], reference["http_filters"][1],
            "{index}"
        );
        assert_eq!(mine["http_filters"].as_array().unwrap().len(), 2);
        let limit = "per_connection_buffer_limit_bytes";
        assert_eq!(
            listener(&rendered, index)[limit],
            listener(&written, index)[limit]
        );
    }
    for member in ["overload_manager", "memory_allocator_manager"] {
        assert!(written[member].is_object(), "{member}");
        assert_eq!(rendered[member], written[member], "{member}");
    }
}

#[test]
fn the_module_may_do_what_it_may_there_and_no_more() {
    let (written, rendered) = both();
    for index in [0, 1] {
        let plugin = |configuration: &Value| {
            let filter = &manager(configuration, index)["http_filters"][0];
            filter["typed_config"]["config"].clone()
        };
        let (mine, reference) = (plugin(&rendered), plugin(&written));
        let names = ["vm_config", "configuration"];
        assert_eq!(
            without(&mine, &names),
            without(&reference, &names),
            "{index}"
        );
        let vm = ["code", "environment_variables"];
        assert_eq!(
            without(&mine["vm_config"], &vm),
            without(&reference["vm_config"], &vm),
            "{index}"
        );
        // One VM for both: exactly the same.
        assert_eq!(mine["vm_config"], plugin_of(&rendered, 0)["vm_config"]);
        let variables = &mine["vm_config"]["environment_variables"]["host_env_keys"];
        assert_eq!(variables, &json!(["REGISTRY_AUTH_PUSH_KEY"]));
    }
}

fn plugin_of(configuration: &Value, index: usize) -> Value {
    manager(configuration, index)["http_filters"][0]["typed_config"]["config"].clone()
}

#[test]
fn no_interface_of_envoy_is_on_the_network() {
    let (_, rendered) = both();
    let socket = |name: &str| json!({ "pipe": { "path": format!("/run/registry-auth/{name}.sock"), "mode": 384 } });
    assert_eq!(rendered["admin"]["address"], socket("admin"));
    assert_eq!(listener(&rendered, 1)["address"], socket("intake"));
    assert_eq!(0o600, 384);
}
