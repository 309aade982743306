//! The events of the main thread: the start, configurations, their ticks and callouts.

use std::sync::{Arc, OnceLock};
use std::thread::{self, ThreadId};

use log::error;
use registry_auth_filter::embed;

use crate::abi::{self, Config};
use crate::host::HOST;
use crate::plugin::{self, Plugin};
use crate::response::Response;
use crate::seat::{self, Seat};
use crate::{callouts, events, metrics, ticker};

static MAIN: OnceLock<ThreadId> = OnceLock::new();

/// Starts the module, before everything else.
pub(crate) fn start() {
    MAIN.get_or_init(|| thread::current().id());
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

/// A configuration ends. With discovery of the filter alone (ECDS) that is on whichever thread has it last, where Envoy cancels requests of
/// the main thread, and may crash.
pub(crate) fn end(plugin: Arc<Plugin>) {
    if MAIN
        .get()
        .is_some_and(|main| *main != thread::current().id())
    {
        let name = &plugin.name;
        error!(
            "{name}: a configuration ended on a worker, by which Envoy can crash: change the listener instead of the filter (no `config_discovery`)"
        );
    }
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
        metrics::pass_on(config, &plugin.metrics, &plugin.kept);
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
