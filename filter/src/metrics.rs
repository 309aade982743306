//! Counters: one for grants, one for each reason of a refusal, some for keys.

use std::cell::RefCell;

use crate::host;

/// Counters by name, defined when they are first used.
#[derive(Default)]
pub(crate) struct Metrics {
    counters: RefCell<Vec<Counter>>,
}

struct Counter {
    name: &'static str,
    id: Option<u32>,
    /// What the host has not been told yet.
    untold: i64,
}

impl Metrics {
    /// Counts one more of `registry_auth.NAME`.
    pub(crate) fn count(&self, name: &'static str) {
        self.note(name);
        self.tell();
    }

    /// The same, for what every request counts: the host is told with the next tick, because a host call for each costs as much
    /// as a decision.
    pub(crate) fn note(&self, name: &'static str) {
        let mut counters = self.counters.borrow_mut();
        match counters.iter_mut().find(|counter| std::ptr::eq(counter.name, name) || counter.name == name) {
            Some(counter) => counter.untold = counter.untold.saturating_add(1),
            None => counters.push(Counter { name, id: None, untold: 1 }),
        }
    }

    /// Tells the host what it does not know yet. What cannot be told now is told later: it must not change an answer.
    pub(crate) fn tell(&self) {
        for counter in self.counters.borrow_mut().iter_mut().filter(|counter| counter.untold > 0) {
            counter.id = counter.id.or_else(|| host::counter(&format!("registry_auth.{}", counter.name)).ok());
            if counter.id.is_some_and(|id| host::count(id, counter.untold).is_ok()) {
                counter.untold = 0;
            }
        }
    }
}

/// With its configuration.
impl Drop for Metrics {
    fn drop(&mut self) {
        self.tell();
    }
}
