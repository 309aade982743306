//! The store of shared data, as Envoy has it: one per VM id.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A store; clones refer to the same one.
#[derive(Clone, Debug, Default)]
pub struct SharedData(Arc<Mutex<Store>>);

#[derive(Clone, Debug, Default)]
struct Store {
    values: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
    last: u32,
}

/// The value has another version than the writer thought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CasMismatch;

impl SharedData {
    /// A value and its version.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<(Vec<u8>, u32)> {
        self.with(|store| store.values.get(key).cloned())
    }

    /// Writes a value. A `cas` of 0 always writes, and so does the first write of a key: Envoy
    /// checks `cas` only when there is something to compare it with.
    ///
    /// # Errors
    /// The key has a value of another version.
    pub fn set(&self, key: &[u8], value: Vec<u8>, cas: u32) -> Result<(), CasMismatch> {
        self.with(|store| {
            match store.values.get(key) {
                Some((_, version)) if cas != 0 && cas != *version => return Err(CasMismatch),
                _ => {}
            }
            store.last += 1;
            store.values.insert(key.to_vec(), (value, store.last));
            Ok(())
        })
    }

    /// Returns a separate store with the same values.
    #[must_use]
    pub fn copy(&self) -> Self {
        self.with(|store| Self(Arc::new(Mutex::new(store.clone()))))
    }

    /// Returns the keys that have a value.
    #[must_use]
    pub fn names(&self) -> Vec<Vec<u8>> {
        self.with(|store| store.values.keys().cloned().collect())
    }

    fn with<T>(&self, work: impl FnOnce(&mut Store) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_needs_the_current_version_unless_it_is_the_first_or_asks_for_none() {
        let store = SharedData::default();
        assert_eq!(store.get(b"k"), None);
        assert_eq!(store.set(b"k", b"1".to_vec(), 77), Ok(()));
        let (_, first) = store.get(b"k").unwrap();
        assert_eq!(store.clone().set(b"k", b"2".to_vec(), first), Ok(()));
        assert_eq!(store.set(b"k", b"3".to_vec(), first), Err(CasMismatch));
        assert_eq!(store.set(b"k", b"4".to_vec(), 0), Ok(()));
        assert_eq!(store.get(b"k").unwrap().0, b"4");
    }
}
