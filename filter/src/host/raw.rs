//! Host calls of proxy-wasm ABI 0.2.1, and the clock of WASI. No result of the host makes them panic.
#![expect(
    unsafe_code,
    reason = "imported functions that take addresses; there is no safe path to the host"
)]

use std::ptr::null;

use super::memory;
use super::status::{HostResult, Status};

/// A header map without fields: their number. Some hosts do not take a map of no bytes for one.
const NO_FIELDS: [u8; 4] = [0; 4];

// `proxy_log_level_t` and the other enumerations are plain numbers here: what is unknown to Rust's
// enums must not come in.
unsafe extern "C" {
    fn proxy_log(level: u32, text: *const u8, text_size: usize) -> u32;
    fn proxy_get_current_time_nanoseconds(time: *mut u64) -> u32;
    safe fn proxy_set_tick_period_milliseconds(period: u32) -> u32;
    safe fn proxy_set_effective_context(context: u32) -> u32;
    safe fn proxy_continue_stream(stream: u32) -> u32;
    fn proxy_send_local_response(
        status: u32,
        details: *const u8,
        details_size: usize,
        body: *const u8,
        body_size: usize,
        headers: *const u8,
        headers_size: usize,
        grpc_status: i32,
    ) -> u32;
    fn proxy_get_property(
        path: *const u8,
        path_size: usize,
        value: *mut *const u8,
        value_size: *mut usize,
    ) -> u32;
    fn proxy_set_property(
        path: *const u8,
        path_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_get_buffer_bytes(
        buffer: u32,
        start: usize,
        max_size: usize,
        value: *mut *const u8,
        value_size: *mut usize,
    ) -> u32;
    fn proxy_get_header_map_pairs(map: u32, value: *mut *const u8, value_size: *mut usize) -> u32;
    fn proxy_add_header_map_value(
        map: u32,
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_replace_header_map_value(
        map: u32,
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
    ) -> u32;
    fn proxy_remove_header_map_value(map: u32, key: *const u8, key_size: usize) -> u32;
    fn proxy_http_call(
        cluster: *const u8,
        cluster_size: usize,
        headers: *const u8,
        headers_size: usize,
        body: *const u8,
        body_size: usize,
        trailers: *const u8,
        trailers_size: usize,
        timeout: u32,
        call: *mut u32,
    ) -> u32;
    fn proxy_get_shared_data(
        key: *const u8,
        key_size: usize,
        value: *mut *const u8,
        value_size: *mut usize,
        version: *mut u32,
    ) -> u32;
    fn proxy_set_shared_data(
        key: *const u8,
        key_size: usize,
        value: *const u8,
        value_size: usize,
        version: u32,
    ) -> u32;
    fn proxy_call_foreign_function(
        name: *const u8,
        name_size: usize,
        argument: *const u8,
        argument_size: usize,
        value: *mut *const u8,
        value_size: *mut usize,
    ) -> u32;
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, metric: *mut u32) -> u32;
    safe fn proxy_increment_metric(metric: u32, offset: i64) -> u32;
    safe fn proxy_record_metric(metric: u32, value: u64) -> u32;
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn clock_time_get(clock: u32, precision: u64, time: *mut u64) -> u32;
}

/// Writes a line to the host's log.
pub(super) fn log(level: u32, text: &[u8]) -> HostResult<()> {
    // SAFETY: address and size are those of a slice that outlives the call.
    Status::check(unsafe { proxy_log(level, text.as_ptr(), text.len()) })
}

/// Nanoseconds since 1970; by the clock of WASI only if the host has none of the ABI. A clock that
/// fails is not replaced.
pub(super) fn time() -> HostResult<u64> {
    let mut time = 0;
    // SAFETY: the host writes a 64-bit number to a place of that size, which outlives the call.
    match Status::check(unsafe { proxy_get_current_time_nanoseconds(&raw mut time) }) {
        Ok(()) => Ok(time),
        Err(Status::UNIMPLEMENTED) => wasi_time(),
        Err(failed) => Err(failed),
    }
}

fn wasi_time() -> HostResult<u64> {
    const REALTIME: u32 = 0;
    let mut time = 0;
    // SAFETY: as in `time`.
    let errno = unsafe { clock_time_get(REALTIME, 1, &raw mut time) };
    if errno == 0 {
        Ok(time)
    } else {
        Err(Status::INTERNAL_FAILURE)
    }
}

/// Asks for a tick every `millis` milliseconds.
pub(super) fn set_tick_period(millis: u32) -> HostResult<()> {
    Status::check(proxy_set_tick_period_milliseconds(millis))
}

/// Makes host calls apply to another context.
pub(super) fn set_effective_context(context: u32) -> HostResult<()> {
    Status::check(proxy_set_effective_context(context))
}

/// Lets a stream go on (`proxy_stream_type_t`).
pub(super) fn continue_stream(stream: u32) -> HostResult<()> {
    Status::check(proxy_continue_stream(stream))
}

/// Answers a request; `headers` as [`registry_auth_engine::fields::write`] makes them. `details` say
/// in a log why.
pub(super) fn send_local_response(
    status: u32,
    details: &[u8],
    headers: &[u8],
    body: &[u8],
) -> HostResult<()> {
    const NO_GRPC_STATUS: i32 = -1;
    let (head, rest) = (
        (headers.as_ptr(), headers.len()),
        (body.as_ptr(), body.len()),
    );
    // SAFETY: addresses and sizes are those of slices that outlive the call.
    Status::check(unsafe {
        proxy_send_local_response(
            status,
            details.as_ptr(),
            details.len(),
            rest.0,
            rest.1,
            head.0,
            head.1,
            NO_GRPC_STATUS,
        )
    })
}

/// An attribute; the parts of `path` are separated by NUL.
pub(super) fn property(path: &[u8]) -> HostResult<Vec<u8>> {
    // SAFETY: address and size of the path are those of a slice that outlives the call.
    value(|place, size| unsafe { proxy_get_property(path.as_ptr(), path.len(), place, size) })
}

/// Sets an attribute of the module's own.
pub(super) fn set_property(path: &[u8], value: &[u8]) -> HostResult<()> {
    let (path, value) = ((path.as_ptr(), path.len()), (value.as_ptr(), value.len()));
    // SAFETY: addresses and sizes are those of slices that outlive the call.
    Status::check(unsafe { proxy_set_property(path.0, path.1, value.0, value.1) })
}

/// A part of a buffer (`proxy_buffer_type_t`).
pub(super) fn buffer(buffer: u32, start: usize, max_size: usize) -> HostResult<Vec<u8>> {
    // SAFETY: `value` gives the two places that the host writes to.
    value(|place, size| unsafe { proxy_get_buffer_bytes(buffer, start, max_size, place, size) })
}

/// A header map (`proxy_header_map_type_t`), as [`registry_auth_engine::fields::Fields::parse`]
/// reads it.
pub(super) fn header_map(map: u32) -> HostResult<Vec<u8>> {
    // SAFETY: `value` gives the two places that the host writes to.
    value(|place, size| unsafe { proxy_get_header_map_pairs(map, place, size) })
}

/// Adds a header.
pub(super) fn add_header(map: u32, name: &[u8], value: &[u8]) -> HostResult<()> {
    let (name, value) = ((name.as_ptr(), name.len()), (value.as_ptr(), value.len()));
    // SAFETY: addresses and sizes are those of slices that outlive the call.
    Status::check(unsafe { proxy_add_header_map_value(map, name.0, name.1, value.0, value.1) })
}

/// Replaces all copies of a header by one.
pub(super) fn replace_header(map: u32, name: &[u8], value: &[u8]) -> HostResult<()> {
    let (name, value) = ((name.as_ptr(), name.len()), (value.as_ptr(), value.len()));
    // SAFETY: addresses and sizes are those of slices that outlive the call.
    Status::check(unsafe { proxy_replace_header_map_value(map, name.0, name.1, value.0, value.1) })
}

/// Removes all copies of a header.
pub(super) fn remove_header(map: u32, name: &[u8]) -> HostResult<()> {
    // SAFETY: address and size are those of a slice that outlives the call.
    Status::check(unsafe { proxy_remove_header_map_value(map, name.as_ptr(), name.len()) })
}

/// Sends a request to a cluster; gives the number of the answer to come.
pub(super) fn http_call(
    cluster: &[u8],
    headers: &[u8],
    body: &[u8],
    timeout_millis: u32,
) -> HostResult<u32> {
    let (cluster, headers) = (
        (cluster.as_ptr(), cluster.len()),
        (headers.as_ptr(), headers.len()),
    );
    let body = if body.is_empty() {
        (null(), 0)
    } else {
        (body.as_ptr(), body.len())
    };
    let mut call = 0;
    // SAFETY: addresses and sizes are those of slices that outlive the call, a body that is null has
    // no bytes, and the host writes a 32-bit number to a place of that size.
    Status::check(unsafe {
        let trailers = (NO_FIELDS.as_ptr(), NO_FIELDS.len());
        proxy_http_call(
            cluster.0,
            cluster.1,
            headers.0,
            headers.1,
            body.0,
            body.1,
            trailers.0,
            trailers.1,
            timeout_millis,
            &raw mut call,
        )
    })?;
    Ok(call)
}

/// A shared value and its version.
pub(super) fn shared_data(key: &[u8]) -> HostResult<(Vec<u8>, u32)> {
    let mut version = 0;
    let place_of_version = &raw mut version;
    // SAFETY: address and size of the key are those of a slice that outlives the call, and the host
    // writes a 32-bit number to a place of that size.
    let value = value(|place, size| unsafe {
        proxy_get_shared_data(key.as_ptr(), key.len(), place, size, place_of_version)
    })?;
    Ok((value, version))
}

/// Writes a shared value if it still has this version, or in any case if that is 0.
pub(super) fn set_shared_data(key: &[u8], value: &[u8], version: u32) -> HostResult<()> {
    let (key, value) = ((key.as_ptr(), key.len()), (value.as_ptr(), value.len()));
    // SAFETY: addresses and sizes are those of slices that outlive the call.
    Status::check(unsafe { proxy_set_shared_data(key.0, key.1, value.0, value.1, version) })
}

/// Calls a function that only some hosts have.
pub(super) fn call_foreign_function(name: &[u8], argument: &[u8]) -> HostResult<Vec<u8>> {
    let (name, argument) = (
        (name.as_ptr(), name.len()),
        (argument.as_ptr(), argument.len()),
    );
    // SAFETY: addresses and sizes are those of slices that outlive the call.
    value(|place, size| unsafe {
        proxy_call_foreign_function(name.0, name.1, argument.0, argument.1, place, size)
    })
}

/// Defines a metric (`proxy_metric_type_t`); gives its number.
pub(super) fn define_metric(kind: u32, name: &[u8]) -> HostResult<u32> {
    let mut metric = 0;
    // SAFETY: address and size are those of a slice that outlives the call, and the host writes a
    // 32-bit number to a place of that size.
    Status::check(unsafe {
        proxy_define_metric(kind, name.as_ptr(), name.len(), &raw mut metric)
    })?;
    Ok(metric)
}

/// Adds to a metric.
pub(super) fn increment_metric(metric: u32, offset: i64) -> HostResult<()> {
    Status::check(proxy_increment_metric(metric, offset))
}

/// Sets a metric.
pub(super) fn record_metric(metric: u32, value: u64) -> HostResult<()> {
    Status::check(proxy_record_metric(metric, value))
}

/// Makes a host call that hands over a value: `ask` gets the places where the host writes its
/// address and its size.
fn value(ask: impl FnOnce(*mut *const u8, *mut usize) -> u32) -> HostResult<Vec<u8>> {
    let (mut place, mut size) = (null(), 0);
    let status = Status::check(ask(&raw mut place, &raw mut size));
    // Taken back in any case: a host may have asked for memory before it failed.
    let value = memory::take_back(place, size);
    status?;
    value.ok_or(Status::INVALID_MEMORY_ACCESS)
}
