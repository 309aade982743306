//! The module as a filter of Envoy, in its two roles.

use serde_json::{Value, json};

use super::capabilities;
use super::place::Place;
use crate::completed::Completed;
use crate::node::{Member, Node, list, map, member, typed};

/// The filter of registry clients.
pub(super) const FILTER: &str = "registry-auth";

/// The filter of the listener that keys are pushed to.
pub(super) const INTAKE: &str = "registry-auth-intake";

const TYPE: &str = "envoy.extensions.filters.http.wasm.v3.Wasm";

/// The filter of Envoy that answers by itself.
const FAULT: &str = "envoy.extensions.filters.http.fault.v3.HTTPFault";

/// The filter of registry clients, as a member of `http_filters`.
pub(super) fn filter(completed: &Completed, place: &Place) -> Node {
    let configuration = member("configuration", text(completed.filter_text())).why(
        "The policy. `registry-auth render envoy` made it of a zot document: change that one, and render again.",
    );
    plugin(FILTER, "filter", configuration, completed, place)
}

/// What has the place of the filter while a request may be decided neither by the old policy nor by
/// the new one: it answers everything with 503.
pub(super) fn closed() -> Node {
    let all = json!({ "numerator": 100, "denominator": "HUNDRED" });
    let abort = json!({ "http_status": 503, "percentage": all });
    map([
        member("name", FILTER),
        member("typed_config", typed(FAULT, [member("abort", abort)])),
    ])
}

/// The filter of the intake; `None` if no keys are pushed.
pub(super) fn intake(completed: &Completed, place: &Place) -> Option<Node> {
    let configuration = member(
        "configuration",
        text(completed.intake.as_ref()?.to_string()),
    );
    Some(plugin(INTAKE, "intake", configuration, completed, place))
}

/// The place of a filter that Envoy reads from a file of its own.
pub(super) fn discovered(name: &str, file: &str, place: &Place) -> Node {
    let source = config_source(&place.file(file));
    let kinds = [TYPE, FAULT].map(|kind| format!("type.googleapis.com/{kind}"));
    let kinds = kinds.into_iter().take(if name == FILTER { 2 } else { 1 });
    map([
        member("name", name),
        member(
            "config_discovery",
            map([
                member("config_source", source),
                member("type_urls", list(kinds)),
            ]),
        )
        .why("Without this file nothing passes: Envoy answers everything with 500."),
    ])
}

/// A file that Envoy reads again when another is renamed to it.
pub(super) fn config_source(path: &str) -> Node {
    json!({ "path_config_source": { "path": path }, "resource_api_version": "V3" }).into()
}

fn plugin(
    name: &str,
    root: &str,
    configuration: Member,
    completed: &Completed,
    place: &Place,
) -> Node {
    let config = map([
        member("name", name),
        member("root_id", root).why(
            "The plugin of the main listener and that of the intake need names of their own (root contexts of one VM).",
        ),
        member("failure_policy", "FAIL_RELOAD").why(
            "A module that trapped answers 5xx and is loaded again. The default differs between Envoy versions.",
        ),
        member("reload_config", json!({ "backoff": { "base_interval": "1s" } })),
        member("allow_on_headers_stop_iteration", true).why(
            "The filter can then either wait (body and back-pressure held) or read a body; the intake would never get one without it.",
        ),
        member("capability_restriction_config", capabilities::restriction()).why(
            "What Envoy may call in the module, and the module in Envoy. Take no callback (`proxy_on_...`) away: one that is not called decides nothing, and requests pass.",
        ),
        member("vm_config", vm(completed, place)).why(
            "One VM for both listeners: same vm_id, code and VM configuration, so that they share data. The id begins with registry-auth and is given to no other module: workers take keys from each other then.",
        ),
        configuration,
    ]);
    map([
        member("name", name),
        member("typed_config", typed(TYPE, [member("config", config)])),
    ])
}

fn vm(completed: &Completed, place: &Place) -> Node {
    let vm = map([
        member("vm_id", "registry-auth"),
        member("runtime", "envoy.wasm.runtime.v8"),
        member("code", json!({ "local": { "filename": place.module } })),
    ]);
    if completed.environment.is_empty() {
        return vm;
    }
    let names = json!({ "host_env_keys": completed.environment });
    vm.and(
        member("environment_variables", names)
            .why("The only variables of Envoy's environment that the module sees."),
    )
}

/// Envoy would hand over a `Struct` as a protobuf message, which the filter refuses.
fn text(value: String) -> Node {
    typed(
        "google.protobuf.StringValue",
        [member("value", Value::from(value))],
    )
}
