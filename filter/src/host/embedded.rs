//! Host calls where the host is a program that this library is a part of: the functions of `raw.rs`, passed on to a
//! [`HostCalls`].

use std::sync::OnceLock;

use registry_auth_engine::fields::Fields;

use super::status::{HostResult, Status};

/// What the host of the library does for it. All of it applies to the effective context of the thread: the root context or
/// request that the host has named in its call, until [`HostCalls::set_effective_context`] names another.
///
/// None of it may call back into the library: replies and continuations are carried out after the call of the host.
pub trait HostCalls: Sync {
    /// Writes a line to the log; `level` counts from 0, trace, to 5, critical.
    fn log(&self, level: u32, text: &[u8]);

    /// Has the effective root context tick every `millis` milliseconds from now on.
    fn set_tick_period(&self, millis: u32);

    /// Makes another context the effective one. Returns false if there is none, and changes nothing.
    fn set_effective_context(&self, context: u32) -> bool;

    /// Lets a request go on that waits. Returns false if there is none.
    fn continue_request(&self) -> bool;

    /// Answers a request. `details` say in a log why. Returns false if there is no request.
    fn reply(&self, status: u32, details: &[u8], headers: &Fields, body: &[u8]) -> bool;

    /// An attribute, the parts of its path separated by NUL; `None` if there is none of that name.
    fn property(&self, path: &[u8]) -> Option<Vec<u8>>;

    /// Sets an attribute of the request for access logs.
    fn set_attribute(&self, name: &[u8], value: &[u8]) -> bool;

    /// The configuration of the effective root context.
    fn configuration(&self) -> Vec<u8>;

    /// What has come of the request's body and is held, up to this size.
    fn request_body(&self, max: usize) -> Vec<u8>;

    /// The body of the response to a callout, up to this size.
    fn callout_body(&self, max: usize) -> Vec<u8>;

    /// The header fields of the request, in the form of [`Fields::parse`]; `None` without a request.
    fn request_headers(&self) -> Option<Vec<u8>>;

    /// Those of the response to a callout; none if it failed.
    fn callout_headers(&self) -> Vec<u8>;

    /// Adds a header field to the request.
    fn add_header(&self, name: &[u8], value: &[u8]) -> bool;

    /// Replaces all copies of a header field by one.
    fn replace_header(&self, name: &[u8], value: &[u8]) -> bool;

    /// Removes all copies of a header field.
    fn remove_header(&self, name: &[u8]) -> bool;

    /// Sends a request to a cluster. Its response comes to the effective root context under the returned number; `None` if it
    /// cannot be sent.
    fn http_call(
        &self,
        cluster: &[u8],
        headers: &Fields,
        body: &[u8],
        timeout_millis: u32,
    ) -> Option<u32>;

    /// A value that all contexts of a group share, and its version.
    fn shared(&self, key: &[u8]) -> Option<(Vec<u8>, u32)>;

    /// Writes a shared value if it has this version, is absent, or the version is 0. Returns false if another one was written.
    fn set_shared(&self, key: &[u8], value: &[u8], version: u32) -> bool;

    /// Defines a counter (0) or a gauge (1), or finds it; gives its number.
    fn define_metric(&self, kind: u32, name: &[u8]) -> Option<u32>;

    /// Adds to a counter.
    fn increment_metric(&self, metric: u32, offset: i64);

    /// Sets a gauge.
    fn record_metric(&self, metric: u32, value: u64);
}

static HOST: OnceLock<&'static dyn HostCalls> = OnceLock::new();

/// Sets the host, once.
pub(crate) fn install(host: &'static dyn HostCalls) {
    // A second one is that of a second start, and the same.
    let _ = HOST.set(host);
}

/// The buffers and header maps of `host.rs`, by their numbers.
const REQUEST: u32 = 0;
const CALL_BODY: u32 = 4;
const CONFIGURATION: u32 = 7;
const CALL_HEADERS: u32 = 6;

fn host() -> HostResult<&'static dyn HostCalls> {
    HOST.get().copied().ok_or(Status::INTERNAL_FAILURE)
}

fn done(is_done: bool) -> HostResult<()> {
    if is_done {
        Ok(())
    } else {
        Err(Status::INTERNAL_FAILURE)
    }
}

pub(super) fn log(level: u32, text: &[u8]) -> HostResult<()> {
    host()?.log(level, text);
    Ok(())
}

/// Nanoseconds since 1970, by the clock of the system.
pub(super) fn time() -> HostResult<u64> {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let nanos = since.map_err(|_| Status::INTERNAL_FAILURE)?.as_nanos();
    u64::try_from(nanos).map_err(|_| Status::INTERNAL_FAILURE)
}

pub(super) fn set_tick_period(millis: u32) -> HostResult<()> {
    host()?.set_tick_period(millis);
    Ok(())
}

pub(super) fn set_effective_context(context: u32) -> HostResult<()> {
    done(host()?.set_effective_context(context))
}

pub(super) fn continue_stream(_: u32) -> HostResult<()> {
    done(host()?.continue_request())
}

pub(super) fn send_local_response(
    status: u32,
    details: &[u8],
    headers: &[u8],
    body: &[u8],
) -> HostResult<()> {
    let headers = Fields::parse(headers.to_vec()).ok_or(Status::INTERNAL_FAILURE)?;
    done(host()?.reply(status, details, &headers, body))
}

pub(super) fn property(path: &[u8]) -> HostResult<Vec<u8>> {
    host()?.property(path).ok_or(Status::NOT_FOUND)
}

pub(super) fn set_property(path: &[u8], value: &[u8]) -> HostResult<()> {
    done(host()?.set_attribute(path, value))
}

pub(super) fn buffer(buffer: u32, _: usize, max_size: usize) -> HostResult<Vec<u8>> {
    let host = host()?;
    match buffer {
        REQUEST => Ok(host.request_body(max_size)),
        CALL_BODY => Ok(host.callout_body(max_size)),
        CONFIGURATION => Ok(host.configuration()),
        _ => Err(Status::NOT_FOUND),
    }
}

pub(super) fn header_map(map: u32) -> HostResult<Vec<u8>> {
    let host = host()?;
    match map {
        REQUEST => host.request_headers().ok_or(Status::INTERNAL_FAILURE),
        CALL_HEADERS => Ok(host.callout_headers()),
        _ => Err(Status::NOT_FOUND),
    }
}

pub(super) fn add_header(_: u32, name: &[u8], value: &[u8]) -> HostResult<()> {
    done(host()?.add_header(name, value))
}

pub(super) fn replace_header(_: u32, name: &[u8], value: &[u8]) -> HostResult<()> {
    done(host()?.replace_header(name, value))
}

pub(super) fn remove_header(_: u32, name: &[u8]) -> HostResult<()> {
    done(host()?.remove_header(name))
}

pub(super) fn http_call(
    cluster: &[u8],
    headers: &[u8],
    body: &[u8],
    timeout_millis: u32,
) -> HostResult<u32> {
    let headers = Fields::parse(headers.to_vec()).ok_or(Status::INTERNAL_FAILURE)?;
    host()?
        .http_call(cluster, &headers, body, timeout_millis)
        .ok_or(Status::INTERNAL_FAILURE)
}

pub(super) fn shared_data(key: &[u8]) -> HostResult<(Vec<u8>, u32)> {
    host()?.shared(key).ok_or(Status::NOT_FOUND)
}

pub(super) fn set_shared_data(key: &[u8], value: &[u8], version: u32) -> HostResult<()> {
    if host()?.set_shared(key, value, version) {
        Ok(())
    } else {
        Err(Status::CAS_MISMATCH)
    }
}

/// There are none here.
pub(super) fn call_foreign_function(_: &[u8], _: &[u8]) -> HostResult<Vec<u8>> {
    Err(Status::UNIMPLEMENTED)
}

pub(super) fn define_metric(kind: u32, name: &[u8]) -> HostResult<u32> {
    host()?
        .define_metric(kind, name)
        .ok_or(Status::INTERNAL_FAILURE)
}

pub(super) fn increment_metric(metric: u32, offset: i64) -> HostResult<()> {
    host()?.increment_metric(metric, offset);
    Ok(())
}

pub(super) fn record_metric(metric: u32, value: u64) -> HostResult<()> {
    host()?.record_metric(metric, value);
    Ok(())
}
