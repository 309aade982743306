//! What can be seen of one source from outside.

use crate::host;

/// What a worker knows of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sight {
    /// Seconds since its keys came; none ever did when absent.
    pub(crate) age: Option<u64>,
    /// How many keys are held.
    pub(crate) count: u64,
    /// Keys were held and are too old.
    pub(crate) stale: bool,
    /// The last fetch failed.
    pub(crate) failing: bool,
}

/// The gauges of one source: `registry_auth.keys.LABEL.NAME`, defined when there is something to see.
pub(crate) struct Gauges {
    label: String,
    gauges: Vec<Gauge>,
}

struct Gauge {
    id: Option<u32>,
    value: Option<u64>,
}

const NAMES: [&str; 4] = ["age_seconds", "count", "stale", "failing"];

impl Gauges {
    /// Of the source with this label.
    pub(crate) const fn new(label: String) -> Self {
        Self { label, gauges: Vec::new() }
    }

    /// Writes what has changed. Workers share a gauge, so that it shows what the one knows that wrote last; one that has
    /// nothing to tell keeps silent.
    pub(crate) fn show(&mut self, sight: &Sight) {
        if sight.age.is_none() && !sight.failing {
            return;
        }
        if self.gauges.is_empty() {
            let define = |name| host::gauge(&format!("registry_auth.keys.{}.{name}", self.label));
            self.gauges = NAMES.map(|name| Gauge { id: define(name), value: None }).into();
        }
        let values = [sight.age, Some(sight.count), Some(sight.stale.into()), Some(sight.failing.into())];
        for (gauge, value) in self.gauges.iter_mut().zip(values) {
            gauge.set(value);
        }
    }
}

impl Gauge {
    fn set(&mut self, value: Option<u64>) {
        let (Some(id), Some(new)) = (self.id, value) else { return };
        if self.value != value {
            host::record(id, new);
            self.value = value;
        }
    }
}
