//! The host: the only file that names host calls. Bytes in, bytes out; a failure is a value.

#[cfg(target_arch = "wasm32")]
mod memory;
#[cfg_attr(not(target_arch = "wasm32"), path = "host/embedded.rs")]
mod raw;
mod status;

use std::cell::Cell;
use std::time::Duration;

use registry_auth_engine::fields::{self, Fields};
use registry_auth_engine::reply::Reply;
use registry_auth_engine::time::UnixTime;

use crate::attribute;

#[cfg(target_arch = "wasm32")]
pub(crate) use memory::lend;
#[cfg(not(target_arch = "wasm32"))]
pub use raw::HostCalls;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use raw::install;
use status::{HostResult, Status};

/// A host call that did not work; it names the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HostError(pub(crate) &'static str);

/// The severity of a line of the log (`proxy_log_level_t`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum LogLevel {
    Trace = 0,
    Debug = 1,
    Info = 2,
    Warn = 3,
    Error = 4,
    Critical = 5,
}

thread_local! {
    /// What the host says to be ([`vm_id`]).
    static ENVOY: Cell<Option<(u64, u64)>> = const { Cell::new(None) };
    /// Requests have a duration only when they have ended; unknown before one has waited.
    static DURATION_TELLS_END: Cell<Option<bool>> = const { Cell::new(None) };
}

const REQUEST_HEADERS: u32 = 0;
const CALL_HEADERS: u32 = 6;
const REQUEST_BODY: u32 = 0;
const CALL_BODY: u32 = 4;
const PLUGIN_CONFIGURATION: u32 = 7;
const REQUEST_STREAM: u32 = 0;
/// The largest part of a buffer that is asked for, `i32::MAX`: some hosts take sizes for signed.
const LARGEST: usize = 0x7fff_ffff;
/// The longest name of a plugin in metrics.
const MAX_NAME: usize = 100;
/// The first version of Envoy that hands the client's certificate to a module of WebAssembly.
const PASSES_CERTIFICATES: (u64, u64) = (1, 38);
const COUNTER: u32 = 0;
const GAUGE: u32 = 1;

/// Writes a line to the host's log. That it cannot be written changes nothing.
pub(crate) fn log(level: LogLevel, line: &str) {
    let _ = raw::log(level as u32, line.as_bytes());
}

/// What the host's wall clock shows, or WASI's where the host has no other. Whether that can be right is known to [`crate::clock`] only.
pub(crate) fn time() -> Result<UnixTime, HostError> {
    let nanos = raw::time().map_err(|_| HostError("get_current_time"))?;
    Ok(UnixTime::from_millis(
        i64::try_from(nanos / 1_000_000).unwrap_or(i64::MAX),
    ))
}

/// All request headers, pseudo headers among them, repeated ones as often as they were sent.
pub(crate) fn request_headers() -> Result<Fields, HostError> {
    header_map(REQUEST_HEADERS)
}

/// Reads the headers of the callout's answer.
pub(crate) fn callout_headers() -> Result<Fields, HostError> {
    header_map(CALL_HEADERS)
}

fn header_map(map: u32) -> Result<Fields, HostError> {
    raw::header_map(map)
        .ok()
        .and_then(Fields::parse)
        .ok_or(HostError("get_header_map_pairs"))
}

/// Removes every copy of a request header.
pub(crate) fn remove_request_header(name: &[u8]) -> Result<(), HostError> {
    raw::remove_header(REQUEST_HEADERS, name).map_err(|_| HostError("remove_header_map_value"))
}

/// Replaces a request header.
pub(crate) fn set_request_header(name: &str, value: &[u8]) -> Result<(), HostError> {
    raw::replace_header(REQUEST_HEADERS, name.as_bytes(), value)
        .map_err(|_| HostError("replace_header_map_value"))
}

/// Adds a request header.
pub(crate) fn add_request_header(name: &str, value: &[u8]) -> Result<(), HostError> {
    raw::add_header(REQUEST_HEADERS, name.as_bytes(), value)
        .map_err(|_| HostError("add_header_map_value"))
}

/// An attribute of the effective context's connection or request, the parts of its path separated
/// by NUL; empty when the host has none.
pub(crate) fn property(path: &str) -> Result<Vec<u8>, HostError> {
    absent_is_empty(raw::property(path.as_bytes())).map_err(|_| HostError("get_property"))
}

/// As [`property`]; `None` when the host has no such attribute.
pub(crate) fn property_if_any(path: &str) -> Result<Option<Vec<u8>>, HostError> {
    match raw::property(path.as_bytes()) {
        Ok(value) => Ok(Some(value)),
        Err(Status::NOT_FOUND) => Ok(None),
        Err(_) => Err(HostError("get_property")),
    }
}

/// Sets an attribute of the effective context's request that access logs and header fields of the
/// proxy's configuration may show (in Envoy, filter state `wasm.NAME`). A host that does not take it,
/// or knows no such attributes, shows nothing: that changes no decision.
pub(crate) fn set_attribute(name: &str, value: &str) {
    if is_envoy() {
        let _ = raw::set_property(name.as_bytes(), value.as_bytes());
    }
}

/// The id of the VM, which may be empty, also where the host has no such attribute or failed. Finds
/// out whether the host is Envoy.
pub(crate) fn vm_id() -> Vec<u8> {
    let Ok(id) = raw::property(attribute::VM_ID.as_bytes()) else {
        // It may not survive an attribute that it does not know.
        return Vec::new();
    };
    let number = |path: &str| {
        let value = raw::property(path.as_bytes()).ok()?;
        value.try_into().ok().map(u64::from_le_bytes)
    };
    // The ABI has the id too; the version of Envoy is Envoy's own.
    ENVOY.set(number(attribute::MAJOR_VERSION).zip(number(attribute::MINOR_VERSION)));
    id
}

/// The name of the plugin, by which operators know it, or the id of its root context: letters,
/// digits, `-`, `_` and `.`. Empty where the host has neither.
pub(crate) fn plugin_name() -> String {
    let read = |path| property(path).ok().filter(|name| !name.is_empty());
    let name = read(attribute::PLUGIN_NAME).or_else(|| read(attribute::ROOT_ID));
    let plain = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' => char::from(byte),
        _ => '_',
    };
    let name = name.unwrap_or_default().into_iter().take(MAX_NAME);
    name.map(plain).collect()
}

/// Major and minor version of the Envoy that this is; `None` where it is not Envoy, or does not say
/// so.
fn envoy_version() -> Option<(u64, u64)> {
    ENVOY.get()
}

/// Where the host does not hand the client's certificate to the filter: what the host is, and which
/// one does. `None` where it does, or nothing is known of it.
pub(crate) fn without_certificates() -> Option<(String, String)> {
    let version = envoy_version()?;
    if cfg!(not(target_arch = "wasm32")) {
        return Some((
            "the native module".to_owned(),
            "Envoy with the WebAssembly module".to_owned(),
        ));
    }
    let ((major, minor), (needed_major, needed_minor)) = (version, PASSES_CERTIFICATES);
    (version < PASSES_CERTIFICATES).then(|| {
        (
            format!("Envoy {major}.{minor}"),
            format!("Envoy {needed_major}.{needed_minor} or newer"),
        )
    })
}

/// Returns true if the host ticks on the thread of the requests, whether or not there are any.
pub(crate) fn ticks_always() -> bool {
    cfg!(target_arch = "wasm32") && is_envoy()
}

/// Returns true if the host answers what Envoy answers and the ABI does not name: other hosts need
/// not survive an unknown foreign function, or an action of Envoy's own.
pub(crate) fn is_envoy() -> bool {
    ENVOY.get().is_some()
}

/// Answers the effective context's request.
pub(crate) fn reply(reply: &Reply) -> Result<(), HostError> {
    let headers: Vec<(&str, &[u8])> = reply
        .headers
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()))
        .collect();
    let details = format!("registry_auth{{{}}}", reply.label);
    raw::send_local_response(
        u32::from(reply.status),
        details.as_bytes(),
        &fields::write(&headers),
        &reply.body,
    )
    .map_err(|_| HostError("send_local_response"))
}

/// Lets the effective context's request go on.
pub(crate) fn resume_request() -> Result<(), HostError> {
    raw::continue_stream(REQUEST_STREAM).map_err(|_| HostError("continue_stream"))
}

/// Makes host calls apply to another context until this callback ends.
pub(crate) fn become_context(id: u32) -> Result<(), HostError> {
    raw::set_effective_context(id).map_err(|_| HostError("set_effective_context"))
}

/// Makes host calls apply to a request other than that of this callback, to answer it or let it go
/// on.
///
/// # Errors
/// The host does not know the context, or the request has ended. Envoy knows the context of a
/// request that ended until its event loop comes around, and must not do anything with it.
pub(crate) fn become_request(id: u32) -> Result<(), HostError> {
    become_context(id)?;
    let has_ended = DURATION_TELLS_END.get() == Some(true) && has_duration();
    if has_ended {
        Err(HostError("set_effective_context"))
    } else {
        Ok(())
    }
}

/// The request of this callback waits, so it has not ended: finds out, once, whether
/// [`become_request`] can tell.
pub(crate) fn learn_of_ends() {
    if DURATION_TELLS_END.get().is_none() {
        DURATION_TELLS_END.set(Some(!has_duration()));
    }
}

/// Envoy has this attribute of a request once it has ended. Other hosts may not have it, or always.
fn has_duration() -> bool {
    raw::property(attribute::DURATION.as_bytes()).is_ok_and(|duration| !duration.is_empty())
}

/// Returns true if the host knows a context no more. Host calls apply to `root` or another context
/// afterwards.
pub(crate) fn is_gone(id: u32, root: u32) -> bool {
    // The root is asked for between, and the context again, so that a failure of the host is not
    // taken for the end of a request.
    become_context(id).is_err() && become_context(root).is_ok() && become_context(id).is_err()
}

/// Reads a part of the effective context's request body.
pub(crate) fn request_body(max: usize) -> Result<Vec<u8>, HostError> {
    buffer(REQUEST_BODY, max)
}

/// Reads the body of the callout's answer.
pub(crate) fn callout_body(max: usize) -> Result<Vec<u8>, HostError> {
    buffer(CALL_BODY, max)
}

/// The plugin configuration.
pub(crate) fn configuration() -> Result<Vec<u8>, HostError> {
    buffer(PLUGIN_CONFIGURATION, LARGEST)
}

/// Hosts have no empty buffers: what is not there has no bytes.
fn buffer(buffer: u32, max: usize) -> Result<Vec<u8>, HostError> {
    absent_is_empty(raw::buffer(buffer, 0, max.min(LARGEST)))
        .map_err(|_| HostError("get_buffer_bytes"))
}

fn absent_is_empty(read: HostResult<Vec<u8>>) -> HostResult<Vec<u8>> {
    match read {
        Err(Status::NOT_FOUND) => Ok(Vec::new()),
        read => read,
    }
}

/// Sends a request without body to a cluster; the answer comes to the effective context under the
/// returned number.
pub(crate) fn call(
    cluster: &str,
    headers: &[(&str, &str)],
    timeout: Duration,
) -> Result<u32, HostError> {
    post(cluster, headers, &[], timeout)
}

/// The same for a request with a body.
pub(crate) fn post(
    cluster: &str,
    headers: &[(&str, &str)],
    body: &[u8],
    timeout: Duration,
) -> Result<u32, HostError> {
    let headers: Vec<(&str, &[u8])> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()))
        .collect();
    let millis = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
    raw::http_call(cluster.as_bytes(), &fields::write(&headers), body, millis)
        .map_err(|_| HostError("http_call"))
}

/// A value that all plugins of this process with the same VM id share, and its version; absent also
/// when it is empty.
pub(crate) fn shared(key: &str) -> Result<Option<(Vec<u8>, u32)>, HostError> {
    match raw::shared_data(key.as_bytes()) {
        Ok((value, version)) => Ok((!value.is_empty()).then_some((value, version))),
        Err(Status::NOT_FOUND) => Ok(None),
        Err(_) => Err(HostError("get_shared_data")),
    }
}

/// Writes a shared value; with a version, only if it is still the current one.
pub(crate) fn set_shared(key: &str, value: &[u8], version: Option<u32>) -> Result<(), HostError> {
    raw::set_shared_data(key.as_bytes(), value, version.unwrap_or(0))
        .map_err(|_| HostError("set_shared_data"))
}

/// Calls a function that only some hosts have; no answer is also an empty one.
pub(crate) fn foreign(name: &str, argument: &[u8]) -> Option<Vec<u8>> {
    raw::call_foreign_function(name.as_bytes(), argument)
        .ok()
        .filter(|answer| !answer.is_empty())
}

/// Defines a counter.
pub(crate) fn counter(name: &str) -> Result<u32, HostError> {
    raw::define_metric(COUNTER, name.as_bytes()).map_err(|_| HostError("define_metric"))
}

/// Counts some more.
pub(crate) fn count(metric: u32, more: i64) -> Result<(), HostError> {
    raw::increment_metric(metric, more).map_err(|_| HostError("increment_metric"))
}

/// Defines a gauge.
pub(crate) fn gauge(name: &str) -> Option<u32> {
    raw::define_metric(GAUGE, name.as_bytes()).ok()
}

/// Sets a gauge.
pub(crate) fn record(metric: u32, value: u64) {
    // As for counters.
    let _ = raw::record_metric(metric, value);
}

/// Asks for a tick every `period`.
pub(crate) fn set_tick_period(period: Duration) -> Result<(), HostError> {
    let millis = u32::try_from(period.as_millis()).unwrap_or(u32::MAX);
    raw::set_tick_period(millis).map_err(|_| HostError("set_tick_period_milliseconds"))
}

/// Bytes that nobody can guess: the keys of a [`RandomState`](std::hash::RandomState) come from the
/// host, and what it hashes does not show them.
pub(crate) fn random_bytes<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    for part in bytes.chunks_mut(4) {
        for (byte, random) in part.iter_mut().zip(random().to_le_bytes()) {
            *byte = random;
        }
    }
    bytes
}

/// Any number; different on each worker and call.
pub(crate) fn random() -> u32 {
    use std::hash::{BuildHasher as _, RandomState};
    let [a, b, c, d, ..] = RandomState::new().hash_one(0_u8).to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}
