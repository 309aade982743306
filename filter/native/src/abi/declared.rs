//! The functions of Envoy, and the types that they take.
#![expect(unsafe_code, reason = "declarations of imported functions")]

use std::ffi::c_void;

use super::handles::{Config, Stream};

/// `envoy_dynamic_module_type_module_buffer`, and `..._envoy_buffer`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Buffer {
    pub(super) place: *const u8,
    pub(super) length: usize,
}

/// `envoy_dynamic_module_type_module_http_header`, and `..._envoy_http_header`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Header {
    pub(super) name: Buffer,
    pub(super) value: Buffer,
}

// Envoy's enumerations are plain numbers here: what is unknown to Rust's enums must not come in.
unsafe extern "C" {
    #[link_name = "envoy_dynamic_module_callback_log"]
    pub(super) fn log(level: u32, message: Buffer);
    #[link_name = "envoy_dynamic_module_callback_is_validation_mode"]
    pub(super) safe fn is_validation_mode() -> bool;
    #[link_name = "envoy_dynamic_module_callback_http_get_headers_size"]
    pub(super) fn http_get_headers_size(stream: Stream, map: u32) -> usize;
    #[link_name = "envoy_dynamic_module_callback_http_get_headers"]
    pub(super) fn http_get_headers(stream: Stream, map: u32, headers: *mut Header) -> bool;
    #[link_name = "envoy_dynamic_module_callback_http_set_header"]
    pub(super) fn http_set_header(stream: Stream, map: u32, name: Buffer, value: Buffer) -> bool;
    #[link_name = "envoy_dynamic_module_callback_http_add_header"]
    pub(super) fn http_add_header(stream: Stream, map: u32, name: Buffer, value: Buffer) -> bool;
    #[link_name = "envoy_dynamic_module_callback_http_clear_route_cache"]
    pub(super) fn http_clear_route_cache(stream: Stream);
    #[link_name = "envoy_dynamic_module_callback_http_send_response"]
    pub(super) fn http_send_response(
        stream: Stream,
        status: u32,
        headers: *mut Header,
        headers_size: usize,
        body: Buffer,
        details: Buffer,
    );
    #[link_name = "envoy_dynamic_module_callback_http_filter_continue_decoding"]
    pub(super) fn http_filter_continue_decoding(stream: Stream);
    #[link_name = "envoy_dynamic_module_callback_http_get_body_size"]
    pub(super) fn http_get_body_size(stream: Stream, body: u32) -> usize;
    #[link_name = "envoy_dynamic_module_callback_http_get_body_chunks_size"]
    pub(super) fn http_get_body_chunks_size(stream: Stream, body: u32) -> usize;
    #[link_name = "envoy_dynamic_module_callback_http_get_body_chunks"]
    pub(super) fn http_get_body_chunks(stream: Stream, body: u32, chunks: *mut Buffer) -> bool;
    #[link_name = "envoy_dynamic_module_callback_http_received_buffered_request_body"]
    pub(super) fn http_received_buffered_request_body(stream: Stream) -> bool;
    #[link_name = "envoy_dynamic_module_callback_http_filter_get_attribute_string"]
    pub(super) fn http_filter_get_attribute_string(
        stream: Stream,
        attribute: u32,
        value: *mut Buffer,
    ) -> bool;
    #[link_name = "envoy_dynamic_module_callback_http_filter_get_attribute_bool"]
    pub(super) fn http_filter_get_attribute_bool(
        stream: Stream,
        attribute: u32,
        value: *mut bool,
    ) -> bool;
    #[link_name = "envoy_dynamic_module_callback_http_set_filter_state_bytes"]
    pub(super) fn http_set_filter_state_bytes(stream: Stream, name: Buffer, value: Buffer) -> bool;
    #[link_name = "envoy_dynamic_module_callback_http_get_filter_state_bytes"]
    pub(super) fn http_get_filter_state_bytes(
        stream: Stream,
        name: Buffer,
        value: *mut Buffer,
    ) -> bool;
    #[link_name = "envoy_dynamic_module_callback_http_filter_scheduler_new"]
    pub(super) fn http_filter_scheduler_new(stream: Stream) -> *mut c_void;
    #[link_name = "envoy_dynamic_module_callback_http_filter_scheduler_commit"]
    pub(super) fn http_filter_scheduler_commit(scheduler: *mut c_void, event: u64);
    #[link_name = "envoy_dynamic_module_callback_http_filter_scheduler_delete"]
    pub(super) fn http_filter_scheduler_delete(scheduler: *mut c_void);
    #[link_name = "envoy_dynamic_module_callback_http_filter_config_scheduler_new"]
    pub(super) fn http_filter_config_scheduler_new(config: Config<'_>) -> *mut c_void;
    #[link_name = "envoy_dynamic_module_callback_http_filter_config_scheduler_commit"]
    pub(super) fn http_filter_config_scheduler_commit(scheduler: *mut c_void, event: u64);
    #[link_name = "envoy_dynamic_module_callback_http_filter_config_scheduler_delete"]
    pub(super) fn http_filter_config_scheduler_delete(scheduler: *mut c_void);
    #[link_name = "envoy_dynamic_module_callback_http_filter_config_http_callout"]
    pub(super) fn http_filter_config_http_callout(
        config: Config<'_>,
        callout: *mut u64,
        cluster: Buffer,
        headers: *mut Header,
        headers_size: usize,
        body: Buffer,
        timeout_millis: u64,
    ) -> u32;
    #[link_name = "envoy_dynamic_module_callback_http_filter_config_define_counter"]
    pub(super) fn http_filter_config_define_counter(
        config: Config<'_>,
        name: Buffer,
        labels: *mut Buffer,
        labels_size: usize,
        counter: *mut usize,
    ) -> u32;
    #[link_name = "envoy_dynamic_module_callback_http_filter_config_define_gauge"]
    pub(super) fn http_filter_config_define_gauge(
        config: Config<'_>,
        name: Buffer,
        labels: *mut Buffer,
        labels_size: usize,
        gauge: *mut usize,
    ) -> u32;
    #[link_name = "envoy_dynamic_module_callback_http_filter_config_increment_counter"]
    pub(super) fn http_filter_config_increment_counter(
        config: Config<'_>,
        counter: usize,
        values: *mut Buffer,
        values_size: usize,
        more: u64,
    ) -> u32;
    #[link_name = "envoy_dynamic_module_callback_http_filter_config_set_gauge"]
    pub(super) fn http_filter_config_set_gauge(
        config: Config<'_>,
        gauge: usize,
        values: *mut Buffer,
        values_size: usize,
        value: u64,
    ) -> u32;
}
