//! What the intakes tell: which generation they hold, and whether a key was missing.

/// The sum of what all intakes told; goes from the push tasks to the refresher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Feedback {
    newest: u64,
    wanted: Option<u64>,
}

impl Feedback {
    /// Notes what an intake answered. Returns whether that is news.
    pub(crate) fn note(&mut self, generation: u64, wanted: bool) -> bool {
        let before = *self;
        self.newest = self.newest.max(generation);
        if wanted {
            self.wanted = self.wanted.max(Some(generation));
        }
        *self != before
    }

    /// The generation for a set that every intake must take as newer: Unix milliseconds, above `last` and above what any
    /// intake holds.
    pub(crate) fn next_generation(self, now_millis: u64, last: u64) -> u64 {
        now_millis.max(last.saturating_add(1)).max(self.newest.saturating_add(1))
    }

    /// Whether a key was missing in the set of generation `current` or a newer one. In an older one it proves nothing: the
    /// intake is about to get the current set.
    pub(crate) fn wants_newer_than(self, current: u64) -> bool {
        self.wanted.is_some_and(|generation| generation >= current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_follow_the_clock_and_always_increase() {
        let rows = [
            ("the clock leads", 1000, 900, 0, 1000),
            ("the clock stands still", 1000, 1000, 0, 1001),
            ("the clock jumped back", 500, 1000, 0, 1001),
            ("another shim's set is newer", 1000, 900, 2000, 2001),
            ("nothing is newer than the last number", 1000, 900, u64::MAX, u64::MAX),
        ];
        for (name, now, last, seen, expected) in rows {
            let mut feedback = Feedback::default();
            feedback.note(seen, false);
            assert_eq!(feedback.next_generation(now, last), expected, "{name}");
        }
    }

    #[test]
    fn only_a_key_missing_in_the_current_set_is_wanted() {
        let rows = [
            ("nothing wanted", 7, false, 7, false),
            ("wanted from the current set", 7, true, 7, true),
            ("wanted from an older set", 6, true, 7, false),
            ("wanted from another shim's newer set", 8, true, 7, true),
            ("wanted from an intake without keys", 0, true, 7, false),
            ("wanted while there are none yet", 0, true, 0, true),
        ];
        for (name, held, wanted, current, expected) in rows {
            let mut feedback = Feedback::default();
            feedback.note(held, wanted);
            assert_eq!(feedback.wants_newer_than(current), expected, "{name}");
        }
    }

    #[test]
    fn the_same_answer_again_is_no_news() {
        let mut feedback = Feedback::default();
        assert!(feedback.note(7, false));
        assert!(!feedback.note(7, false));
        assert!(feedback.note(7, true));
        assert!(!feedback.note(7, true));
    }
}
