//! Which of Envoy's functions are there: Envoy resolves them when they are called, and would end with the first that is missing.
#![expect(unsafe_code, reason = "the dynamic linker takes addresses")]

use std::ffi::{CString, c_char, c_void};
use std::ptr;

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
}

/// All that the module calls, without the prefix.
const NAMES: [&str; 27] = [
    "log",
    "is_validation_mode",
    "http_get_headers_size",
    "http_get_headers",
    "http_set_header",
    "http_add_header",
    "http_send_response",
    "http_filter_continue_decoding",
    "http_get_body_size",
    "http_get_body_chunks_size",
    "http_get_body_chunks",
    "http_received_buffered_request_body",
    "http_filter_get_attribute_string",
    "http_filter_get_attribute_bool",
    "http_set_filter_state_bytes",
    "http_get_filter_state_bytes",
    "http_filter_scheduler_new",
    "http_filter_scheduler_commit",
    "http_filter_scheduler_delete",
    "http_filter_config_scheduler_new",
    "http_filter_config_scheduler_commit",
    "http_filter_config_scheduler_delete",
    "http_filter_config_http_callout",
    "http_filter_config_define_counter",
    "http_filter_config_define_gauge",
    "http_filter_config_increment_counter",
    "http_filter_config_set_gauge",
];

/// The first function that this process does not have.
pub(crate) fn first_missing() -> Option<&'static str> {
    NAMES
        .into_iter()
        .find(|name| !has(&format!("envoy_dynamic_module_callback_{name}")))
}

/// Returns true if the process has a symbol of this name.
pub(crate) fn has(name: &str) -> bool {
    let Ok(name) = CString::new(name) else {
        return false;
    };
    // SAFETY: a name that ends with NUL, and the handle of all that is loaded globally (`RTLD_DEFAULT`).
    !unsafe { dlsym(ptr::null_mut(), name.as_ptr()) }.is_null()
}

#[cfg(test)]
mod tests {
    use super::NAMES;

    #[test]
    fn each_declared_function_is_looked_for() {
        let declared = include_str!("declared.rs");
        let declared: Vec<&str> = declared
            .split("link_name = \"envoy_dynamic_module_callback_")
            .skip(1)
            .map(|rest| rest.split('"').next().unwrap())
            .collect();
        assert_eq!(declared.len(), NAMES.len());
        for name in declared {
            assert!(NAMES.contains(&name), "{name}");
        }
    }
}
