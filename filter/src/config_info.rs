//! Which policy is live: the gauge `config_info`, 1 for the digest of the newest configuration of a
//! plugin.
//!
//! Workers share gauges. One that stops shows 0, also where another worker still decides by the
//! same policy; that one writes its 1 again with one of its next ticks.

use std::cell::RefCell;

use crate::host;
use crate::metrics::labelled;

/// How many ticks of a quarter of a second there are between two writes.
const BEAT: u32 = 32;

thread_local! {
    static INFOS: RefCell<Vec<Info>> = const { RefCell::new(Vec::new()) };
}

struct Info {
    root: u32,
    plugin: String,
    gauge: u32,
    /// The root context of a newer configuration has its place; this one ends with its requests.
    is_superseded: bool,
    ticks: u32,
}

/// Shows the policy of a root context in place of earlier ones of the same plugin.
pub(crate) fn announce(root: u32, plugin: &str, policy: &str) {
    let labels = [("policy", policy), ("plugin", plugin)];
    let Some(gauge) = host::gauge(&labelled(&labels, "config_info")) else {
        return;
    };
    INFOS.with_borrow_mut(|infos| {
        infos.retain(|info| info.root != root || info.gauge != gauge);
        for info in infos.iter_mut().filter(|info| info.plugin == plugin) {
            info.is_superseded = true;
            if info.gauge != gauge {
                host::record(info.gauge, 0);
            }
        }
        infos.push(Info {
            root,
            plugin: plugin.to_owned(),
            gauge,
            is_superseded: false,
            ticks: 0,
        });
    });
    host::record(gauge, 1);
}

/// A tick of a root context.
pub(crate) fn beat(root: u32) {
    INFOS.with_borrow_mut(|infos| {
        let is_own = |info: &&mut Info| info.root == root && !info.is_superseded;
        for info in infos.iter_mut().filter(is_own) {
            info.ticks = (info.ticks + 1) % BEAT;
            if info.ticks == 0 {
                host::record(info.gauge, 1);
            }
        }
    });
}

/// A root context ends.
pub(crate) fn withdraw(root: u32) {
    INFOS.with_borrow_mut(|infos| {
        let ended: Vec<Info> = infos.extract_if(.., |info| info.root == root).collect();
        for info in ended {
            let is_shown = |other: &Info| other.gauge == info.gauge && !other.is_superseded;
            if !info.is_superseded && !infos.iter().any(is_shown) {
                host::record(info.gauge, 0);
            }
        }
    });
}
