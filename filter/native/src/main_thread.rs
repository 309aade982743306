//! The events of the main thread: the start, configurations, their ticks and callouts.

use std::sync::Arc;

use log::error;
use registry_auth_filter::embed;

use crate::abi::{self, Config};
use crate::host::HOST;
use crate::plugin::{self, Plugin};
use crate::response::Response;
use crate::seat::{self, Seat};
use crate::{callouts, events, metrics, ticker};

/// Starts the module, before everything else.
pub(crate) fn start() {
    embed::start(&HOST);
}

/// Takes a configuration; `None` if it is refused, and the log says why.
pub(crate) fn configure(config: Config<'_>, name: &[u8], text: &[u8]) -> Option<Arc<Plugin>> {
    seat::sweep();
    let scheduler = if abi::is_validation() {
        None
    } else {
        let scheduler = config.scheduler();
        if scheduler.is_none() {
            error!("Envoy schedules nothing");
            return None;
        }
        scheduler
    };
    let is_running = scheduler.is_some();
    let metrics = metrics::define_all(config);
    let plugin = Arc::new(Plugin::new(name, text, metrics, scheduler));
    let seat = Seat::new(Arc::clone(&plugin), true);
    if !events::configure(&seat) {
        plugin.end();
        seat::remove(&seat);
        return None;
    }
    if is_running && !ticker::watch(&plugin) {
        error!("no thread can be started");
        plugin.end();
        seat::remove(&seat);
        return None;
    }
    Some(plugin)
}

/// A configuration ends; on whichever thread its last request was.
pub(crate) fn end(plugin: Arc<Plugin>) {
    plugin.end();
    ticker::settle();
    callouts::forget(&plugin);
    seat::sweep();
    drop(plugin);
}

/// An event that was scheduled.
pub(crate) fn scheduled(config: Config<'_>, plugin: &Plugin, event: u64) {
    let Some(seat) = seat::of_plugin(plugin) else {
        return;
    };
    if event == plugin::TICK {
        plugin.begin_tick();
        events::tick(&seat);
        metrics::pass_on(config, &plugin.metrics);
    }
    callouts::send_all(config, plugin, |response: Response| {
        events::deliver(&seat, response);
    });
}

/// The response to a callout has come.
pub(crate) fn answered(
    config: Config<'_>,
    plugin: &Plugin,
    callout: u64,
    headers: Vec<u8>,
    body: Vec<u8>,
) {
    let Some(seat) = seat::of_plugin(plugin) else {
        return;
    };
    let deliver = |response: Response| {
        events::deliver(&seat, response);
    };
    callouts::answered(plugin, callout, headers, body, deliver);
    callouts::send_all(config, plugin, deliver);
}
