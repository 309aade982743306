//! Counters: one for grants, one for each reason of a refusal, some for keys.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::host;

/// Counters by name, defined when they are first used.
#[derive(Default)]
pub(crate) struct Metrics {
    ids: RefCell<HashMap<&'static str, Option<u32>>>,
}

impl Metrics {
    /// Counts one more of `registry_auth.NAME`.
    pub(crate) fn count(&self, name: &'static str) {
        let known = self.ids.borrow().get(name).copied();
        let id = known.unwrap_or_else(|| {
            let id = host::counter(&format!("registry_auth.{name}"));
            self.ids.borrow_mut().insert(name, id);
            id
        });
        if let Some(id) = id {
            host::count(id);
        }
    }
}
