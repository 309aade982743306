//! Feedback of the intakes to the refresher: a key is missing. Nothing else of their responses
//! reaches the refresher, and so none of it reaches another intake.

/// The feedback of all intakes together, sent from the push tasks to the refresher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Feedback {
    wanted: Option<u64>,
}

impl Feedback {
    /// Records that a filter misses a key in the set that was published as `generation`, 0 for
    /// none. Returns true if this changes anything.
    pub(crate) fn note_wanted(&mut self, generation: u64) -> bool {
        let before = *self;
        self.wanted = self.wanted.max(Some(generation));
        *self != before
    }

    /// Returns true if a key is missing in the set published as `current`. A key missing in an
    /// older set does not matter, since the intake is about to get the current one.
    pub(crate) fn wants_newer_than(self, current: u64) -> bool {
        self.wanted.is_some_and(|generation| generation >= current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_key_missing_in_the_current_set_is_wanted() {
        let rows = [
            ("nothing wanted", None, 7, false),
            ("wanted from the current set", Some(7), 7, true),
            ("wanted from an older set", Some(6), 7, false),
            ("wanted from an intake without keys", Some(0), 7, false),
            ("wanted while there are none yet", Some(0), 0, true),
        ];
        for (name, wanted, current, expected) in rows {
            let mut feedback = Feedback::default();
            if let Some(generation) = wanted {
                feedback.note_wanted(generation);
            }
            assert_eq!(feedback.wants_newer_than(current), expected, "{name}");
        }
    }

    #[test]
    fn the_same_answer_again_is_no_news() {
        let mut feedback = Feedback::default();
        assert!(feedback.note_wanted(7));
        assert!(!feedback.note_wanted(7));
        assert!(!feedback.note_wanted(6));
        assert!(feedback.note_wanted(8));
    }
}
