//! Objects as a watch has shown them.

use std::collections::{BTreeMap, BTreeSet};

/// What a watch shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shown<K, V> {
    /// A list begins.
    ListBegins,
    /// An object of the list.
    Listed(K, V),
    /// The list ends: other objects are gone.
    ListEnds,
    /// An object is new or has changed.
    Changed(K, V),
    /// An object is gone.
    Gone(K),
}

/// Objects by their keys.
#[derive(Debug)]
pub(crate) struct Known<K, V> {
    objects: BTreeMap<K, V>,
    listing: BTreeMap<K, V>,
    is_listed: bool,
}

impl<K, V> Default for Known<K, V> {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            listing: BTreeMap::new(),
            is_listed: false,
        }
    }
}

impl<K: Ord + Clone, V: PartialEq> Known<K, V> {
    /// Takes what a watch shows, and returns the keys of objects that have changed, or are gone.
    pub(crate) fn take(&mut self, shown: Shown<K, V>) -> BTreeSet<K> {
        match shown {
            Shown::ListBegins => {
                self.listing.clear();
                BTreeSet::new()
            }
            Shown::Listed(key, value) => {
                self.listing.insert(key, value);
                BTreeSet::new()
            }
            Shown::ListEnds => {
                self.is_listed = true;
                let listed = std::mem::take(&mut self.listing);
                let before = std::mem::replace(&mut self.objects, listed);
                let differs = |key: &&K| before.get(key) != self.objects.get(key);
                before
                    .keys()
                    .chain(self.objects.keys())
                    .filter(differs)
                    .cloned()
                    .collect()
            }
            Shown::Changed(key, value) => {
                let is_same = self.objects.get(&key) == Some(&value);
                self.objects.insert(key.clone(), value);
                BTreeSet::from_iter((!is_same).then_some(key))
            }
            Shown::Gone(key) => BTreeSet::from_iter(self.objects.remove(&key).map(|_| key)),
        }
    }

    /// Returns an object.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.objects.get(key)
    }

    /// Returns the keys of all objects.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.objects.keys()
    }

    /// Returns whether a list was complete: before that an object that is not here may be there.
    pub(crate) const fn is_listed(&self) -> bool {
        self.is_listed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_after_a_gap_shows_what_is_gone() {
        let mut known = Known::default();
        let rows = [
            (Shown::ListBegins, vec![], false),
            (Shown::Listed("a", 1), vec![], false),
            (Shown::Listed("b", 1), vec![], false),
            (Shown::ListEnds, vec!["a", "b"], true),
            (Shown::Changed("a", 1), vec![], true),
            (Shown::Changed("a", 2), vec!["a"], true),
            (Shown::Gone("c"), vec![], true),
            // A list that breaks off changes nothing.
            (Shown::ListBegins, vec![], true),
            (Shown::Listed("d", 1), vec![], true),
            (Shown::ListBegins, vec![], true),
            (Shown::Listed("a", 2), vec![], true),
            (Shown::Listed("c", 1), vec![], true),
            (Shown::ListEnds, vec!["b", "c"], true),
            (Shown::Gone("a"), vec!["a"], true),
        ];
        for (shown, changed, is_listed) in rows {
            let found: Vec<_> = known.take(shown.clone()).into_iter().collect();
            assert_eq!(
                (found, known.is_listed()),
                (changed, is_listed),
                "{shown:?}"
            );
        }
        assert_eq!(known.keys().collect::<Vec<_>>(), [&"c"]);
    }
}
