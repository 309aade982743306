//! Which version of each file Envoy has to use: written by those who change the files, read by
//! `/readyz`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::confirm::{self, Subscriptions};

/// The expected versions; clones refer to the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live(Arc<Mutex<BTreeMap<String, u64>>>);

impl Live {
    /// Expects Envoy to use this version of a file.
    pub(crate) fn expect(&self, name: &str, version: u64) {
        if confirm::is_confirmed(name) {
            self.change(|files| files.insert(name.to_owned(), version));
        }
    }

    /// Expects nothing of a file any more.
    pub(crate) fn forget(&self, name: &str) {
        self.change(|files| files.remove(name));
    }

    /// Returns the files that Envoy does not use as expected.
    pub(crate) fn missing(&self, now: &Subscriptions) -> Vec<String> {
        self.change(|files| {
            files
                .iter()
                .filter(|(name, version)| !now.has(name, **version))
                .map(|(name, _)| name.clone())
                .collect()
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<String, u64>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
