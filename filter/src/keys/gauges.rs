//! The gauges of one source.

use crate::host;

/// The state of a source as one worker knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SourceSnapshot {
    /// Seconds since its keys came; none ever did when absent.
    pub(super) age: Option<u64>,
    /// The number of keys that are held.
    pub(super) count: u64,
    /// Keys were held and are too old.
    pub(super) stale: bool,
    /// The last fetch failed.
    pub(super) failing: bool,
}

/// The gauges of one source, each defined when there is something to see.
pub(super) struct Gauges {
    shown: [Option<Gauge>; NAMES.len()],
}

/// A gauge, unless the host has none, and what it was set to last.
#[derive(Clone, Copy)]
struct Gauge {
    id: Option<u32>,
    value: u64,
}

const NAMES: [&str; 4] = [
    "keys_age_seconds",
    "keys_count",
    "keys_stale",
    "keys_failing",
];

impl Gauges {
    /// None is defined.
    pub(super) const fn new() -> Self {
        Self {
            shown: [None; NAMES.len()],
        }
    }

    /// Writes what has changed. Workers share a gauge, so that it shows what the one knows that
    /// wrote last; one that has nothing to tell keeps silent. `full_name` gives what the host calls
    /// a gauge.
    pub(super) fn show(&mut self, snapshot: &SourceSnapshot, full_name: impl Fn(&str) -> String) {
        if snapshot.age.is_none() && !snapshot.failing {
            return;
        }
        let values = [
            snapshot.age,
            Some(snapshot.count),
            Some(snapshot.stale.into()),
            Some(snapshot.failing.into()),
        ];
        for ((shown, name), value) in self.shown.iter_mut().zip(NAMES).zip(values) {
            let Some(value) = value.filter(|value| shown.is_none_or(|gauge| gauge.value != *value))
            else {
                continue;
            };
            let define = || host::gauge(&full_name(name));
            let id = shown.map_or_else(define, |gauge| gauge.id);
            if let Some(id) = id {
                host::record(id, value);
            }
            *shown = Some(Gauge { id, value });
        }
    }
}
