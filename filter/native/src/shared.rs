//! Values that all root contexts of a group share, whatever thread they are on, and their versions.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

/// A group and a name.
type Key = (String, Vec<u8>);

#[derive(Default)]
struct Values {
    values: HashMap<Key, (Vec<u8>, u32)>,
    /// The version that was given last.
    version: u32,
}

static VALUES: LazyLock<Mutex<Values>> = LazyLock::new(Mutex::default);

fn lock() -> MutexGuard<'static, Values> {
    VALUES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns a value and its version.
pub(crate) fn get(group: &str, name: &[u8]) -> Option<(Vec<u8>, u32)> {
    lock()
        .values
        .get(&(group.to_owned(), name.to_owned()))
        .cloned()
}

/// Writes a value; with a version other than 0, only if there is none or it has this version. Returns false if it has another.
pub(crate) fn set(group: &str, name: &[u8], value: &[u8], version: u32) -> bool {
    let mut all = lock();
    let next = all.version.wrapping_add(1).max(1);
    let key = (group.to_owned(), name.to_owned());
    let held = all.values.get(&key).map(|(_, held)| *held);
    if version != 0 && held.is_some_and(|held| held != version) {
        return false;
    }
    all.version = next;
    all.values.insert(key, (value.to_owned(), next));
    true
}

#[cfg(test)]
mod tests {
    use super::{get, set};

    #[test]
    fn a_value_is_replaced_only_in_the_version_that_was_read() {
        assert_eq!(get("one", b"a"), None);
        assert!(set("one", b"a", b"first", u32::MAX), "a first write");
        let (value, version) = get("one", b"a").unwrap();
        assert_eq!(value, b"first");
        assert!(!set("one", b"a", b"late", version.wrapping_add(1)));
        assert!(set("one", b"a", b"second", version));
        assert!(!set("one", b"a", b"late", version), "it is another now");
        assert!(set("one", b"a", b"third", 0), "whatever is there");
        assert_eq!(get("one", b"a").unwrap().0, b"third");
        assert_eq!(get("two", b"a"), None, "another group");
    }
}
