//! Counters: one for grants, one for each reason of a refusal, some for keys.

use std::cell::RefCell;

use crate::host;

/// Stands between a label and its value in the name of a metric, as in Istio's.
const LABEL: &str = "=.=";

/// Counters by name, defined when they are first used.
#[derive(Default)]
pub(crate) struct Metrics {
    counters: RefCell<Vec<Counter>>,
}

struct Counter {
    name: &'static str,
    id: Option<u32>,
    /// Added since the last flush.
    pending: i64,
}

impl Metrics {
    /// Adds one to `registry_auth.NAME`, and passes it to the host at once.
    pub(crate) fn increment_now(&self, name: &'static str) {
        self.increment(name);
        self.flush();
    }

    /// Adds one to `registry_auth.NAME`, which the host gets with the next tick: a host call per
    /// request costs as much as a decision.
    pub(crate) fn increment(&self, name: &'static str) {
        let mut counters = self.counters.borrow_mut();
        match counters
            .iter_mut()
            .find(|counter| std::ptr::eq(counter.name, name) || counter.name == name)
        {
            Some(counter) => counter.pending = counter.pending.saturating_add(1),
            None => counters.push(Counter {
                name,
                id: None,
                pending: 1,
            }),
        }
    }

    /// Passes what was added to the host. A failure is not an error: it is passed the next time.
    pub(crate) fn flush(&self) {
        for counter in self
            .counters
            .borrow_mut()
            .iter_mut()
            .filter(|counter| counter.pending > 0)
        {
            counter.id = counter
                .id
                .or_else(|| host::counter(&full_name(counter.name)).ok());
            if counter
                .id
                .is_some_and(|id| host::count(id, counter.pending).is_ok())
            {
                counter.pending = 0;
            }
        }
    }
}

/// The name that the host knows: one with labels has all of them in it, and the name itself.
fn full_name(name: &str) -> String {
    let prefix = if name.contains(LABEL) {
        ""
    } else {
        "registry_auth."
    };
    format!("{prefix}{name}")
}

/// With its configuration.
impl Drop for Metrics {
    fn drop(&mut self) {
        self.flush();
    }
}
