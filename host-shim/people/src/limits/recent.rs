//! Events of the last while, by key, in bounded memory. Pure.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// The events that are remembered; the oldest make room.
pub const MAX_REMEMBERED: usize = 65_536;

/// A digest of what an event is of.
pub(super) type Key = [u8; 32];

#[derive(Debug)]
pub(super) struct Recent {
    keep: Duration,
    /// All of them, the oldest first.
    events: VecDeque<(Instant, Key)>,
    /// Their times by key, the oldest first; never empty.
    times: HashMap<Key, VecDeque<Instant>>,
}

impl Recent {
    /// Events are forgotten after `keep`.
    pub(super) fn new(keep: Duration) -> Self {
        Self {
            keep,
            events: VecDeque::new(),
            times: HashMap::new(),
        }
    }

    pub(super) fn add(&mut self, key: Key, now: Instant) {
        if self.events.len() >= MAX_REMEMBERED {
            self.forget_oldest();
        }
        self.events.push_back((now, key));
        self.times.entry(key).or_default().push_back(now);
    }

    /// Forgets what is old.
    pub(super) fn advance(&mut self, now: Instant) {
        while let Some((time, _)) = self.events.front()
            && now.saturating_duration_since(*time) >= self.keep
        {
            self.forget_oldest();
        }
    }

    /// The number of events of a key.
    pub(super) fn count(&self, key: &Key) -> usize {
        self.times.get(key).map_or(0, VecDeque::len)
    }

    /// How long until the oldest event of a key is forgotten.
    pub(super) fn wait(&self, key: &Key, now: Instant) -> Duration {
        let oldest = self.times.get(key).and_then(VecDeque::front);
        oldest.map_or(Duration::ZERO, |oldest| {
            (*oldest + self.keep).saturating_duration_since(now)
        })
    }

    pub(super) fn clear(&mut self) {
        *self = Self::new(self.keep);
    }

    fn forget_oldest(&mut self) {
        let Some((_, key)) = self.events.pop_front() else {
            return;
        };
        if let Some(times) = self.times.get_mut(&key) {
            times.pop_front();
            if times.is_empty() {
                self.times.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_the_oldest_are_forgotten_first() {
        let start = Instant::now();
        let mut recent = Recent::new(Duration::from_mins(1));
        let key = |number: usize| {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_be_bytes());
            key
        };
        for number in 0..MAX_REMEMBERED + 2 {
            recent.add(key(number), start);
        }
        assert_eq!(
            (recent.events.len(), recent.times.len()),
            (MAX_REMEMBERED, MAX_REMEMBERED)
        );
        assert_eq!(
            [0, 1, 2].map(|number| recent.count(&key(number))),
            [0, 0, 1]
        );
        recent.advance(start + Duration::from_millis(59_999));
        assert_eq!(recent.count(&key(2)), 1);
        recent.advance(start + Duration::from_mins(1));
        assert_eq!((recent.events.len(), recent.times.len()), (0, 0));
    }
}
