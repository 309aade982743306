//! Key ids that the issuer was asked for in vain.

use std::collections::HashMap;
use std::time::Duration;

use crate::authn::keys::KeySet;
use crate::time::UnixTime;

/// An id is not asked for again for this time; doubled each time that it is still unknown.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const MAX_WAIT: Duration = Duration::from_mins(1);
/// How many ids are remembered. What does not fit is left to the limit that holds for all unknown ids together.
const MAX_IDS: usize = 256;
/// Longer ids are not remembered, in bytes.
const MAX_LENGTH: usize = 256;

/// The ids of one source that a fetch did not bring.
#[derive(Debug, Default)]
pub struct UnknownKeys {
    ids: HashMap<Box<str>, Miss>,
}

#[derive(Debug, Default)]
struct Miss {
    /// A fetch that may bring it is under way.
    asked: bool,
    /// How often it was asked for in vain.
    times: u32,
    /// Until when it is not asked for again.
    until: UnixTime,
}

impl Miss {
    /// A clock that jumped back must not make the wait longer than it can be.
    fn is_recent(&self, now: UnixTime) -> bool {
        now < self.until && self.until.since(now) <= MAX_WAIT
    }
}

impl UnknownKeys {
    /// Whether the issuer was asked for this id a short while ago, in vain.
    #[must_use]
    pub fn is_known_absent(&self, id: &str, now: UnixTime) -> bool {
        self.ids.get(id).is_some_and(|miss| miss.is_recent(now))
    }

    /// A fetch that may bring this id is under way.
    pub fn ask(&mut self, id: &str, now: UnixTime) {
        if let Some(miss) = self.ids.get_mut(id) {
            miss.asked = true;
            return;
        }
        if self.ids.len() >= MAX_IDS {
            self.ids.retain(|_, miss| miss.asked || miss.is_recent(now));
        }
        if self.ids.len() < MAX_IDS && id.len() <= MAX_LENGTH {
            self.ids.insert(id.into(), Miss { asked: true, ..Miss::default() });
        }
    }

    /// The fetch brought keys: ids that are not among them are absent for 5 s, doubling up to 60 s.
    pub fn settle(&mut self, keys: &KeySet, now: UnixTime) {
        self.ids.retain(|id, miss| !(miss.asked && keys.contains(id)));
        for miss in self.ids.values_mut().filter(|miss| miss.asked) {
            let wait = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(miss.times.min(16))).min(MAX_WAIT);
            *miss = Miss { asked: false, times: miss.times.saturating_add(1), until: now.after(wait) };
        }
    }

    /// The fetch failed, which says nothing about any id.
    pub fn give_up(&mut self) {
        self.ids.retain(|_, miss| {
            miss.asked = false;
            miss.times > 0
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authn::algorithm::Algorithm;
    use crate::authn::test_signer::Signer;

    fn at(millis: i64) -> UnixTime {
        UnixTime::from_millis(millis)
    }

    fn keys() -> KeySet {
        Signer::new(Algorithm::EdDsa).keys("known")
    }

    #[test]
    fn an_id_that_stays_unknown_is_asked_for_less_and_less() {
        let (mut unknown, mut now) = (UnknownKeys::default(), 0);
        for wait in [5, 10, 20, 40, 60, 60] {
            assert!(!unknown.is_known_absent("k", at(now)));
            unknown.ask("k", at(now));
            assert!(!unknown.is_known_absent("k", at(now)), "it waits for the answer");
            unknown.settle(&keys(), at(now));
            assert!(unknown.is_known_absent("k", at(now + wait * 1000 - 1)));
            assert!(!unknown.is_known_absent("other", at(now)));
            now += wait * 1000;
        }
    }

    #[test]
    fn an_id_that_was_brought_is_forgotten() {
        let mut unknown = UnknownKeys::default();
        unknown.ask("known", at(0));
        unknown.settle(&keys(), at(0));
        assert!(!unknown.is_known_absent("known", at(0)));
        assert!(unknown.ids.is_empty());
    }

    #[test]
    fn a_fetch_that_failed_says_nothing() {
        let mut unknown = UnknownKeys::default();
        unknown.ask("k", at(0));
        unknown.give_up();
        unknown.settle(&keys(), at(0));
        assert!(!unknown.is_known_absent("k", at(0)));
        unknown.ask("k", at(0));
        unknown.settle(&keys(), at(0));
        unknown.ask("k", at(5_000));
        unknown.give_up();
        unknown.ask("k", at(6_000));
        unknown.settle(&keys(), at(6_000));
        assert!(unknown.is_known_absent("k", at(15_999)), "what it is known by stays");
    }

    #[test]
    fn memory_is_bounded_and_what_is_over_makes_room() {
        let mut unknown = UnknownKeys::default();
        for number in 0..MAX_IDS * 2 {
            unknown.ask(&number.to_string(), at(0));
        }
        unknown.ask(&"x".repeat(MAX_LENGTH + 1), at(0));
        assert_eq!(unknown.ids.len(), MAX_IDS);
        unknown.settle(&keys(), at(0));
        unknown.ask("new", at(4_999));
        unknown.settle(&keys(), at(4_999));
        assert!(!unknown.is_known_absent("new", at(4_999)), "there was no room");
        unknown.ask("new", at(5_000));
        unknown.settle(&keys(), at(5_000));
        assert!(unknown.is_known_absent("new", at(5_000)));
        assert_eq!(unknown.ids.len(), 1);
    }

    #[test]
    fn a_clock_that_jumps_back_does_not_make_an_id_absent_for_ever() {
        let mut unknown = UnknownKeys::default();
        unknown.ask("k", at(10_000_000));
        unknown.settle(&keys(), at(10_000_000));
        assert!(!unknown.is_known_absent("k", at(0)));
    }
}
