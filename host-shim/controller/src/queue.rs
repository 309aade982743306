//! When each object is next looked after: one entry for each, and never two at once for one.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::{Duration, Instant};

/// The least time between two checks of an object that changes: whoever may change it cannot keep
/// the queue busy.
pub const REST: Duration = Duration::from_secs(1);

/// The queue.
#[derive(Debug)]
pub struct Queue<K> {
    due: BTreeSet<(Instant, K)>,
    when: BTreeMap<K, Instant>,
    busy: BTreeSet<K>,
    rests: BTreeMap<K, Instant>,
}

impl<K> Default for Queue<K> {
    fn default() -> Self {
        Self {
            due: BTreeSet::new(),
            when: BTreeMap::new(),
            busy: BTreeSet::new(),
            rests: BTreeMap::new(),
        }
    }
}

impl<K: Ord + Clone> Queue<K> {
    /// Has an object looked after at `at`, or earlier if that was said before.
    pub fn at(&mut self, key: &K, at: Instant) {
        match self.when.get(key) {
            Some(before) if *before <= at => return,
            Some(before) => {
                self.due.remove(&(*before, key.clone()));
            }
            None => {}
        }
        self.when.insert(key.clone(), at);
        self.due.insert((at, key.clone()));
    }

    /// Has an object looked after that has changed: at `now`, or once it has rested.
    pub fn changed(&mut self, key: &K, now: Instant) {
        let rests = self.rests.get(key).copied();
        self.at(key, rests.map_or(now, |rests| rests.max(now)));
    }

    /// Takes an object that is due at `now`, and is busy from then on.
    pub fn take(&mut self, now: Instant) -> Option<K> {
        let found = self.due.iter().take_while(|(at, _)| *at <= now);
        let mut found = found.filter(|(_, key)| !self.busy.contains(key));
        let (at, key) = found.next()?.clone();
        self.due.remove(&(at, key.clone()));
        self.when.remove(&key);
        self.busy.insert(key.clone());
        Some(key)
    }

    /// Returns an object that was taken.
    pub fn done(&mut self, key: &K, now: Instant) {
        self.busy.remove(key);
        // Those that rest no longer have nothing to remember.
        self.rests.retain(|_, until| *until > now);
        self.rests.insert(key.clone(), now + REST);
    }

    /// Returns when the next object is due that is not busy.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        let mut free = self.due.iter().filter(|(_, key)| !self.busy.contains(key));
        free.next().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_due_once_and_not_while_it_is_busy() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut queue = Queue::default();
        assert_eq!(queue.next(), None);
        queue.at(&"a", at(9));
        queue.at(&"a", at(5));
        queue.at(&"a", at(7));
        queue.at(&"b", at(6));
        assert_eq!((queue.next(), queue.take(at(4))), (Some(at(5)), None));
        assert_eq!(queue.take(at(5)), Some("a"));
        assert_eq!(queue.take(at(5)), None);
        // It has changed while it is busy.
        queue.at(&"a", at(5));
        assert_eq!(queue.next(), Some(at(6)));
        assert_eq!(queue.take(at(9)), Some("b"));
        assert_eq!(queue.take(at(9)), None);
        queue.done(&"a", at(9));
        assert_eq!((queue.next(), queue.take(at(9))), (Some(at(5)), Some("a")));
        queue.done(&"a", at(9));
        queue.done(&"b", at(9));
        assert_eq!((queue.next(), queue.take(at(99))), (None, None));
        // After a look it rests, but for what was planned.
        queue.changed(&"a", at(9));
        assert_eq!(queue.next(), Some(at(9) + REST));
        queue.changed(&"c", at(9));
        assert_eq!(queue.take(at(9)), Some("c"));
        queue.done(&"c", at(20));
        queue.changed(&"a", at(20));
        assert_eq!(queue.take(at(20)), Some("a"));
    }
}
