//! Counters: one for grants, one for each reason of a refusal, some for keys.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::host;

/// Counters by name, defined when they are first used.
#[derive(Default)]
pub(crate) struct Metrics {
    ids: RefCell<HashMap<&'static str, u32>>,
}

impl Metrics {
    /// Counts one more of `registry_auth.NAME`.
    pub(crate) fn count(&self, name: &'static str) {
        if let Some(id) = self.id(name) {
            host::count(id);
        }
    }

    fn id(&self, name: &'static str) -> Option<u32> {
        if let Some(id) = self.ids.borrow().get(name) {
            return Some(*id);
        }
        let id = host::counter(&format!("registry_auth.{name}"))?;
        self.ids.borrow_mut().insert(name, id);
        Some(id)
    }
}
