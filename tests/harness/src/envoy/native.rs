//! Makes an Envoy configuration with the WebAssembly module one with the dynamic module: what tests of both have in common.

use serde_json::{Map, Value, json};

const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
const NATIVE: &str =
    "type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter";
/// What Envoy makes `libNAME.so` of.
const MODULE: &str = "registry_auth";

/// Converts every filter in a part of a configuration.
pub(super) fn convert(part: &mut Value) {
    if part.get("@type").and_then(Value::as_str) == Some(WASM) {
        *part = filter(part);
        return;
    }
    match part {
        Value::Array(parts) => parts.iter_mut().for_each(convert),
        Value::Object(parts) => parts.values_mut().for_each(convert),
        Value::String(text) if text == WASM => NATIVE.clone_into(text),
        _ => {}
    }
}

/// Names of labels.
const LABELS: [&str; 11] = [
    "decision", "reason", "provider", "action", "source", "plugin", "outcome", "stage", "result",
    "policy", "kind",
];

/// Gives the metrics of a page of statistics the names that they have with the WebAssembly module.
pub(super) fn wasm_names(page: &str) -> String {
    const NAMESPACE: &str = "dynamicmodulescustom.registry_auth.";
    let mut renamed = String::new();
    for line in page.lines() {
        let name = line
            .strip_prefix(NAMESPACE)
            .and_then(|line| line.rsplit_once(": "));
        match name {
            Some((name, value)) => {
                renamed.push_str("wasmcustom.registry_auth.");
                renamed.push_str(&wasm_name(name));
                renamed.push_str(": ");
                renamed.push_str(value);
            }
            None => renamed.push_str(line),
        }
        renamed.push('\n');
    }
    renamed
}

/// Puts the labels of a name, which are behind it, before it. Those without a value are left out.
fn wasm_name(name: &str) -> String {
    let mut metric = Vec::new();
    let mut labels: Vec<(&str, Vec<&str>)> = Vec::new();
    for part in name.split('.') {
        if LABELS.contains(&part) && !metric.is_empty() {
            labels.push((part, Vec::new()));
        } else if let Some((_, value)) = labels.last_mut() {
            value.push(part);
        } else {
            metric.push(part);
        }
    }
    let named = |(label, value): (&str, Vec<&str>)| {
        let value = value.join(".");
        (!value.is_empty()).then(|| format!("{label}=.={value};.;"))
    };
    let renamed: Vec<_> = labels.into_iter().filter_map(named).collect();
    renamed.concat() + &metric.join(".")
}

/// A filter: the name of the plugin and the id of its VM become its name, the configuration stays.
fn filter(wasm: &Value) -> Value {
    let text = |pointer: &str| wasm.pointer(pointer).and_then(Value::as_str);
    let name = text("/config/name").or_else(|| text("/config/root_id"));
    let group = text("/config/vm_config/vm_id").unwrap_or_default();
    let mut filter = Map::new();
    filter.insert("@type".to_owned(), json!(NATIVE));
    filter.insert(
        "dynamic_module_config".to_owned(),
        json!({"name": MODULE, "do_not_close": true}),
    );
    filter.insert(
        "filter_name".to_owned(),
        json!(format!("{}/{group}", name.unwrap_or_default())),
    );
    if let Some(configuration) = wasm.pointer("/config/configuration") {
        filter.insert("filter_config".to_owned(), configuration.clone());
    }
    Value::Object(filter)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn metrics_have_the_same_names() {
        let page = "dynamicmodulescustom.registry_auth.decisions.decision.deny.reason.x.provider..action.: 3\ndynamicmodulescustom.registry_auth.keys.skipped: 0\nother: 1\n";
        assert_eq!(
            wasm_names(page),
            "wasmcustom.registry_auth.decision=.=deny;.;reason=.=x;.;decisions: 3\nwasmcustom.registry_auth.keys.skipped: 0\nother: 1\n"
        );
    }

    #[test]
    fn a_filter_is_converted_wherever_it_is() {
        let configuration =
            json!({"@type": "type.googleapis.com/google.protobuf.StringValue", "value": "{}"});
        let wasm = json!({"@type": WASM, "config": {
            "name": "main",
            "vm_config": {"vm_id": "registry-auth-1", "code": {}},
            "configuration": configuration,
        }});
        let mut after = json!({"a": [{"typed_config": wasm}], "type_urls": [WASM], "b": 1});
        let native = json!({
            "@type": NATIVE,
            "dynamic_module_config": {"name": "registry_auth", "do_not_close": true},
            "filter_name": "main/registry-auth-1",
            "filter_config": configuration,
        });
        convert(&mut after);
        assert_eq!(after["a"], json!([{"typed_config": native}]));
        assert_eq!(after["type_urls"], json!([NATIVE]));
        assert_eq!(after["b"], json!(1));
    }
}
