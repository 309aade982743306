//! What Envoy may call in the module, and the module in Envoy.

use crate::node::{Node, map, member};

/// Callbacks of the module, then host functions, those of WASI last. What the module imports beyond
/// them it does not need.
pub const ALLOWED: [&str; 32] = [
    "proxy_on_configure",
    "proxy_on_context_create",
    "proxy_on_http_call_response",
    "proxy_on_memory_allocate",
    "proxy_on_request_body",
    "proxy_on_request_headers",
    "proxy_on_request_trailers",
    "proxy_on_tick",
    "proxy_on_vm_start",
    "proxy_add_header_map_value",
    "proxy_call_foreign_function",
    "proxy_continue_stream",
    "proxy_define_metric",
    "proxy_get_buffer_bytes",
    "proxy_get_current_time_nanoseconds",
    "proxy_get_header_map_pairs",
    "proxy_get_property",
    "proxy_get_shared_data",
    "proxy_http_call",
    "proxy_increment_metric",
    "proxy_log",
    "proxy_record_metric",
    "proxy_remove_header_map_value",
    "proxy_replace_header_map_value",
    "proxy_send_local_response",
    "proxy_set_effective_context",
    "proxy_set_property",
    "proxy_set_shared_data",
    "proxy_set_tick_period_milliseconds",
    "environ_get",
    "environ_sizes_get",
    "random_get",
];

/// Returns `capability_restriction_config`.
pub(super) fn restriction() -> Node {
    let allowed = ALLOWED.map(|name| member(name, map([])));
    map([member("allowed_capabilities", map(allowed))])
}
