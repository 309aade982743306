//! The host: the only file that names host calls. Bytes in, bytes out; a failure is a value.

use std::time::{Duration, UNIX_EPOCH};

use proxy_wasm::hostcalls;
use proxy_wasm::types::{BufferType, MapType, MetricType};
use registry_auth::reply::Reply;
use registry_auth::time::UnixTime;

/// A host call that did not work; it names the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostError(pub(crate) &'static str);

/// Header names and values as the host has them.
pub(crate) type Headers = Vec<(String, Vec<u8>)>;

/// Now, by the host's wall clock. A clock before 1970 reads as 1970.
pub(crate) fn now() -> Result<UnixTime, HostError> {
    let time = hostcalls::get_current_time().map_err(|_| HostError("get_current_time"))?;
    let millis = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    Ok(UnixTime::from_millis(i64::try_from(millis).unwrap_or(i64::MAX)))
}

/// All request headers, pseudo headers among them, repeated ones as often as they were sent.
pub(crate) fn request_headers() -> Result<Headers, HostError> {
    hostcalls::get_map_bytes(MapType::HttpRequestHeaders).map_err(|_| HostError("get_header_map_pairs"))
}

/// Removes every copy of a request header.
pub(crate) fn remove_request_header(name: &str) -> Result<(), HostError> {
    hostcalls::remove_map_value(MapType::HttpRequestHeaders, name).map_err(|_| HostError("remove_header_map_value"))
}

/// Replaces a request header.
pub(crate) fn set_request_header(name: &str, value: &[u8]) -> Result<(), HostError> {
    hostcalls::set_map_value_bytes(MapType::HttpRequestHeaders, name, Some(value))
        .map_err(|_| HostError("replace_header_map_value"))
}

/// Adds a request header.
pub(crate) fn add_request_header(name: &str, value: &[u8]) -> Result<(), HostError> {
    hostcalls::add_map_value_bytes(MapType::HttpRequestHeaders, name, value)
        .map_err(|_| HostError("add_header_map_value"))
}

/// An attribute of the effective context's connection or request; absent when the host has none.
pub(crate) fn property(path: &[&str]) -> Option<Vec<u8>> {
    hostcalls::get_property(path.to_vec()).ok().flatten()
}

/// Answers the effective context's request.
pub(crate) fn reply(reply: &Reply) -> Result<(), HostError> {
    let headers = reply.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    hostcalls::send_http_response(u32::from(reply.status), headers, Some(&reply.body))
        .map_err(|_| HostError("send_local_response"))
}

/// Lets the effective context's request go on.
pub(crate) fn resume_request() -> Result<(), HostError> {
    hostcalls::resume_http_request().map_err(|_| HostError("continue_stream"))
}

/// Makes host calls count for another context until this callback ends.
pub(crate) fn become_context(id: u32) -> Result<(), HostError> {
    hostcalls::set_effective_context(id).map_err(|_| HostError("set_effective_context"))
}

/// Reads a part of the effective context's request body.
pub(crate) fn request_body(max: usize) -> Result<Vec<u8>, HostError> {
    buffer(BufferType::HttpRequestBody, max)
}

/// Reads the body of the callout's answer.
pub(crate) fn callout_body(max: usize) -> Result<Vec<u8>, HostError> {
    buffer(BufferType::HttpCallResponseBody, max)
}

/// Reads the headers of the callout's answer.
pub(crate) fn callout_headers() -> Result<Headers, HostError> {
    hostcalls::get_map_bytes(MapType::HttpCallResponseHeaders).map_err(|_| HostError("get_header_map_pairs"))
}

/// The plugin configuration.
pub(crate) fn configuration() -> Result<Vec<u8>, HostError> {
    buffer(BufferType::PluginConfiguration, usize::MAX)
}

fn buffer(buffer: BufferType, max: usize) -> Result<Vec<u8>, HostError> {
    let bytes = hostcalls::get_buffer(buffer, 0, max).map_err(|_| HostError("get_buffer_bytes"))?;
    Ok(bytes.unwrap_or_default())
}

/// Sends a request without body to a cluster; the answer comes to the active context under the returned number.
pub(crate) fn call(cluster: &str, headers: Vec<(&str, &str)>, timeout: Duration) -> Result<u32, HostError> {
    hostcalls::dispatch_http_call(cluster, headers, None, Vec::new(), timeout).map_err(|_| HostError("http_call"))
}

/// A value that all plugins of this process with the same VM id share, and its version.
pub(crate) fn shared(key: &str) -> Option<(Vec<u8>, u32)> {
    match hostcalls::get_shared_data(key) {
        Ok((Some(value), version)) => Some((value, version.unwrap_or(0))),
        _ => None,
    }
}

/// Writes a shared value; with a version, only if it is still the current one.
pub(crate) fn set_shared(key: &str, value: &[u8], version: Option<u32>) -> Result<(), HostError> {
    hostcalls::set_shared_data(key, Some(value), version).map_err(|_| HostError("set_shared_data"))
}

/// Calls a function that only some hosts have.
pub(crate) fn foreign(name: &str, argument: &[u8]) -> Option<Vec<u8>> {
    hostcalls::call_foreign_function(name, Some(argument)).ok().flatten()
}

/// Defines a counter.
pub(crate) fn counter(name: &str) -> Option<u32> {
    hostcalls::define_metric(MetricType::Counter, name).ok()
}

/// Counts one more.
pub(crate) fn count(metric: u32) {
    // A metric that cannot be counted must not change the answer.
    let _ = hostcalls::increment_metric(metric, 1);
}

/// Asks for a tick every `period`.
pub(crate) fn tick_every(period: Duration) -> Result<(), HostError> {
    hostcalls::set_tick_period(period).map_err(|_| HostError("set_tick_period_milliseconds"))
}

/// Any number; different on each worker and call.
pub(crate) fn random() -> u32 {
    use std::hash::{BuildHasher as _, RandomState};
    let [a, b, c, d, ..] = RandomState::new().hash_one(0_u8).to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
