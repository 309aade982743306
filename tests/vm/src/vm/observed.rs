//! What a test sees of a VM, and sets in it.

use std::collections::BTreeMap;

use super::Vm;
use crate::host::Fault;

impl Vm {
    /// Injects a fault into host calls, counted from now.
    pub fn fail(&mut self, fault: Option<Fault>) {
        let state = self.store.data_mut();
        (state.fault, state.failed) = (fault, None);
    }

    /// Returns the host call that has failed since [`Self::fail`], if any.
    #[must_use]
    pub fn failed(&self) -> Option<&'static str> {
        self.store.data().failed
    }

    /// Returns how often each host call was made.
    #[must_use]
    pub fn host_calls(&self) -> &BTreeMap<&'static str, u64> {
        &self.store.data().counts
    }

    /// Returns the fuel used by all callbacks.
    #[must_use]
    pub const fn fuel_used(&self) -> u64 {
        self.fuel
    }

    /// Returns the value of a metric.
    #[must_use]
    pub fn metric(&self, name: &str) -> Option<u64> {
        self.store
            .data()
            .metrics
            .iter()
            .find(|metric| metric.name == name)
            .map(|metric| metric.value)
    }

    /// Returns the sum of the metrics whose names contain each of `parts`; `None` if there are none.
    #[must_use]
    pub fn sum(&self, parts: &[&str]) -> Option<u64> {
        let metrics = self.store.data().metrics.iter();
        metrics
            .filter(|metric| parts.iter().all(|part| metric.name.contains(part)))
            .map(|metric| metric.value)
            .reduce(u64::saturating_add)
    }

    /// Returns the log of the module, `level: line`.
    #[must_use]
    pub fn log(&self) -> &[String] {
        &self.store.data().log
    }

    /// Sets an attribute of every request; the parts of `path` are joined as the ABI wants it.
    pub fn property(&mut self, path: &[&str], value: &[u8]) {
        self.store
            .data_mut()
            .properties
            .insert(path.join("\0").into_bytes(), value.to_vec());
    }

    /// Returns the size of the guest's memory in bytes.
    #[must_use]
    pub fn memory(&mut self) -> usize {
        self.instance
            .get_memory(&mut self.store, "memory")
            .map_or(0, |memory| memory.data_size(&self.store))
    }
}
