//! Many expressions as one lazily built DFA: time is linear in the text and does not grow with the
//! number of expressions, and memory is bounded.

use std::sync::{Mutex, PoisonError};

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind};

/// Bytes of states that are kept; beyond it they are discarded and built again.
const CACHE: usize = 2 << 20;

/// Some expressions, compiled.
#[derive(Debug)]
pub struct PatternSet {
    dfa: DFA,
    cache: Mutex<Cache>,
}

impl PatternSet {
    /// Compiles expressions in the syntax of the crate `regex`. Returns `None` if one is invalid,
    /// or if they need more than `limit` bytes.
    #[must_use]
    pub fn build<P: AsRef<str>>(expressions: &[P], limit: usize) -> Option<Self> {
        let nfa = thompson::Config::new()
            .utf8(false)
            .which_captures(WhichCaptures::None)
            .nfa_size_limit(Some(limit));
        let lazy = DFA::config()
            .match_kind(MatchKind::All)
            .cache_capacity(CACHE)
            .skip_cache_capacity_check(true);
        let syntax = syntax::Config::new().utf8(false);
        let dfa = DFA::builder()
            .configure(lazy)
            .thompson(nfa)
            .syntax(syntax)
            .build_many(expressions)
            .ok()?;
        let cache = Mutex::new(dfa.create_cache());
        Some(Self { dfa, cache })
    }

    /// Returns the number of states that each byte may have to be compared with, at worst.
    #[must_use]
    pub fn states(&self) -> usize {
        self.dfa.get_nfa().states().len()
    }

    /// Returns true if an expression matches somewhere in `text`.
    #[must_use]
    pub fn is_match(&self, text: &str) -> bool {
        self.read(Anchored::No, text, |_, state, _| {
            state.is_match().then_some(())
        })
        .is_some()
    }

    /// Returns the index of the first expression, in the order in which they were given, that
    /// matches `text`. Each has to be anchored at both ends.
    #[must_use]
    pub fn first(&self, text: &str) -> Option<usize> {
        self.read(Anchored::Yes, text, |cache, state, at_end| {
            (at_end && state.is_match()).then(|| self.dfa.match_pattern(cache, state, 0).as_usize())
        })
    }

    /// Reads `text` until `found` returns something. The DFA cannot fail as it is configured; if it
    /// did, nothing would match.
    fn read<T>(
        &self,
        anchored: Anchored,
        text: &str,
        found: impl Fn(&Cache, LazyStateID, bool) -> Option<T>,
    ) -> Option<T> {
        let cache = &mut *self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self
            .dfa
            .start_state_forward(cache, &Input::new(text).anchored(anchored))
            .ok()?;
        for byte in text.bytes() {
            state = self.dfa.next_state(cache, state, byte).ok()?;
            if state.is_tagged() {
                if let Some(found) = found(cache, state, false) {
                    return Some(found);
                }
                if state.is_dead() || state.is_quit() {
                    return None;
                }
            }
        }
        state = self.dfa.next_eoi_state(cache, state).ok()?;
        found(cache, state, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_several_that_match_is_found() {
        let automaton = PatternSet::build(&["^a$", "^a.*$", "^.*b$"], 1 << 20).unwrap();
        for (text, first) in [
            ("a", Some(0)),
            ("ab", Some(1)),
            ("xb", Some(2)),
            ("x", None),
            ("", None),
            ("xa", None),
        ] {
            assert_eq!(automaton.first(text), first, "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_or_is_no_expression_is_refused() {
        assert!(PatternSet::build(&["("], 1 << 20).is_none());
        assert!(PatternSet::build(&["(?:(?:(?:a{99}){99}){99}){99}"], 1 << 20).is_none());
    }

    #[test]
    fn ten_thousand_expressions_are_one_automaton() {
        let expressions: Vec<String> = (0..10_000)
            .map(|number| format!("^team-{number}/[^/]*$"))
            .collect();
        let automaton = PatternSet::build(&expressions, 64 << 20).unwrap();
        for number in [0, 1, 77, 9_999] {
            assert_eq!(automaton.first(&format!("team-{number}/app")), Some(number));
        }
        assert_eq!(automaton.first("team-10000/app"), None);
    }
}
