//! Around the filter: how Envoy reads paths before the filter sees them.

use registry_auth_lint::Finding;
use serde_json::Value;

use super::plugin::join;

/// Deeper nesting is not read.
const MAX_DEPTH: usize = 64;

/// Settings that change the path that is authorized, or let clients choose their address.
pub(super) fn findings(envoy: &Value) -> Vec<Finding> {
    let mut found = Vec::new();
    search(envoy, "", MAX_DEPTH, &mut found);
    found
}

fn search(value: &Value, path: &str, depth: usize, found: &mut Vec<Finding>) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    match value {
        Value::Object(members) => {
            if members.contains_key("http_filters") {
                manager(value, path, found);
            }
            for (name, value) in members {
                search(value, &join(path, name), depth, found);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                search(value, &format!("{path}[{index}]"), depth, found);
            }
        }
        _ => {}
    }
}

/// One HTTP connection manager.
fn manager(value: &Value, path: &str, found: &mut Vec<Finding>) {
    for name in ["normalize_path", "merge_slashes"] {
        if value.get(name).and_then(Value::as_bool) == Some(true) {
            let message = "changes the path before the filter sees it: a path is authorized that the client has not written";
            found.push(
                Finding::new("envoy-path", format!("{path}.{name}"), message)
                    .write(format!("{name}: false")),
            );
        }
    }
    let slashes = "path_with_escaped_slashes_action";
    let action = value.get(slashes).and_then(Value::as_str);
    if action.is_some_and(|action| action.starts_with("UNESCAPE")) {
        let message = "changes the path before the filter sees it: a path is authorized that the client has not written";
        found.push(
            Finding::new("envoy-path", format!("{path}.{slashes}"), message)
                .write(format!("{slashes}: KEEP_UNCHANGED")),
        );
    }
}
