//! What the filter asks its host for.

use registry_auth_engine::fields::Fields;
use registry_auth_filter::embed::HostCalls;

use crate::actions::{self, Action};
use crate::{abi, attributes, callouts, context, metrics, shared};

/// What attributes that the filter sets begin with in Envoy's filter state: the same as in WebAssembly, so that the format of an
/// access log is the same.
const STATE: &[u8] = b"wasm.";

/// Envoy, by its functions.
pub(crate) struct Host;

/// The one host.
pub(crate) static HOST: Host = Host;

impl HostCalls for Host {
    fn log(&self, level: u32, text: &[u8]) {
        // Several configurations write to one log.
        let name = context::seat().map(|seat| seat.plugin.name.clone() + ": ");
        let name = name.unwrap_or_default();
        abi::log(level, &[name.as_bytes(), text].concat());
    }

    fn set_tick_period(&self, millis: u32) {
        if let Some(seat) = context::seat() {
            seat.set_period(millis);
        }
    }

    fn set_effective_context(&self, context: u32) -> bool {
        context::become_context(context)
    }

    fn continue_request(&self) -> bool {
        act(Action::GoOn)
    }

    fn reply(&self, status: u32, details: &[u8], headers: &Fields, body: &[u8]) -> bool {
        act(Action::Reply {
            status,
            details: details.to_owned(),
            headers: headers.clone(),
            body: body.to_owned(),
        })
    }

    fn property(&self, path: &[u8]) -> Option<Vec<u8>> {
        let path = std::str::from_utf8(path).ok()?;
        let seat = context::seat()?;
        attributes::of_plugin(&seat.plugin, path)
            .or_else(|| attributes::of_stream(context::request()?.1, path))
    }

    fn set_attribute(&self, name: &[u8], value: &[u8]) -> bool {
        let name = [STATE, name].concat();
        context::request().is_some_and(|(_, stream)| stream.set_state(&name, value))
    }

    fn configuration(&self) -> Vec<u8> {
        context::seat().map_or_else(Vec::new, |seat| seat.plugin.text.clone())
    }

    fn request_body(&self, max: usize) -> Vec<u8> {
        context::request().map_or_else(Vec::new, |(_, stream)| stream.body(max))
    }

    fn callout_body(&self, max: usize) -> Vec<u8> {
        callouts::body(max)
    }

    fn request_headers(&self) -> Option<Vec<u8>> {
        context::request()?.1.request_headers()
    }

    fn callout_headers(&self) -> Vec<u8> {
        callouts::headers()
    }

    fn add_header(&self, name: &[u8], value: &[u8]) -> bool {
        context::request().is_some_and(|(_, stream)| stream.add_header(name, value))
    }

    fn replace_header(&self, name: &[u8], value: &[u8]) -> bool {
        context::request().is_some_and(|(_, stream)| stream.set_header(name, value))
    }

    fn remove_header(&self, name: &[u8]) -> bool {
        context::request().is_some_and(|(_, stream)| stream.remove_header(name))
    }

    fn http_call(
        &self,
        cluster: &[u8],
        headers: &Fields,
        body: &[u8],
        timeout_millis: u32,
    ) -> Option<u32> {
        Some(context::seat()?.send(cluster, headers, body, timeout_millis))
    }

    fn shared(&self, key: &[u8]) -> Option<(Vec<u8>, u32)> {
        shared::get(&context::seat()?.plugin.group, key)
    }

    fn set_shared(&self, key: &[u8], value: &[u8], version: u32) -> bool {
        context::seat().is_some_and(|seat| shared::set(&seat.plugin.group, key, value, version))
    }

    fn define_metric(&self, kind: u32, name: &[u8]) -> Option<u32> {
        metrics::define(kind, name)
    }

    fn increment_metric(&self, metric: u32, offset: i64) {
        metrics::add(metric, offset);
    }

    fn record_metric(&self, metric: u32, value: u64) {
        metrics::set(metric, value);
    }
}

/// Has something done to the effective request.
fn act(action: Action) -> bool {
    let Some((context, _)) = context::request() else {
        return false;
    };
    actions::add(context, action);
    true
}
