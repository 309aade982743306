//! Sets of repository names, as automata.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};

use regex_automata::dfa::{Automaton, dense};
use regex_automata::nfa::thompson;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;
use regex_automata::util::syntax;
use regex_automata::{Anchored, MatchKind};

/// Bytes that one automaton may take.
const MAX_SIZE: usize = 1 << 20;
/// States that one search visits.
const MAX_VISITED: usize = 200_000;
/// The characters of repository names (OCI distribution spec, `<name>`).
const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789/-._";
/// The grammar of names.
const NAME: &str =
    r"^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$";

/// What may still be spent on the patterns of a configuration: a few seconds, however many and
/// however intricate they are.
#[derive(Debug)]
pub(crate) struct Effort(Cell<usize>);

/// States that all searches together visit.
const MAX_EFFORT: usize = 1_000_000;
/// Bytes of an automaton that cost as much as one state.
const STATE: usize = 32;

impl Default for Effort {
    fn default() -> Self {
        Self(Cell::new(MAX_EFFORT))
    }
}

impl Effort {
    /// Returns false if there is not so much left.
    fn spend(&self, states: usize) -> bool {
        let left = self.0.get().checked_sub(states);
        self.0.set(left.unwrap_or_default());
        left.is_some()
    }
}

/// A set of names.
#[derive(Debug)]
pub(crate) struct Names(dense::DFA<Vec<u32>>);

impl Names {
    /// The names that one of the expressions matches; `None` if the automaton is too large, or
    /// nothing is left to spend.
    pub(crate) fn of<P: AsRef<str>>(expressions: &[P], effort: &Effort) -> Option<Self> {
        effort.spend(1).then_some(())?;
        let config = dense::Config::new()
            .match_kind(MatchKind::All)
            .start_kind(regex_automata::dfa::StartKind::Anchored)
            .dfa_size_limit(Some(MAX_SIZE))
            .determinize_size_limit(Some(4 * MAX_SIZE));
        let dfa = dense::Builder::new()
            .configure(config)
            .syntax(syntax::Config::new().utf8(false))
            .thompson(thompson::Config::new().utf8(false))
            .build_many(expressions)
            .ok();
        // One that is too large has cost the most.
        let size = dfa.as_ref().map_or(MAX_SIZE, dense::DFA::memory_usage);
        effort.spend(size / STATE);
        Some(Self(dfa?))
    }

    /// All names.
    pub(crate) fn all(effort: &Effort) -> Option<Self> {
        Self::of(&[NAME], effort)
    }

    fn start(&self) -> Option<StateID> {
        let config = start::Config::new().anchored(Anchored::Yes);
        self.0.start_state(&config).ok()
    }

    fn accepts(&self, state: StateID) -> bool {
        self.0.is_match_state(self.0.next_eoi_state(state))
    }
}

/// The shortest name, among `names`, that is in all of `within` and not in `without`.
pub(crate) fn name(
    names: &Names,
    within: &[&Names],
    without: Option<&Names>,
    effort: &Effort,
) -> Option<Found> {
    let all: Vec<&Names> = std::iter::once(names)
        .chain(within.iter().copied())
        .chain(without)
        .collect();
    let needed = all.len() - usize::from(without.is_some());
    let start: Option<Vec<StateID>> = all.iter().map(|names| names.start()).collect();
    let Some(start) = start else {
        return Some(Found::TooMany);
    };
    let mut seen: BTreeMap<Vec<StateID>, Option<(Vec<StateID>, u8)>> = BTreeMap::new();
    let mut queue = VecDeque::from([start.clone()]);
    seen.insert(start, None);
    while let Some(states) = queue.pop_front() {
        let accepted = |index: usize| {
            let pair = all.get(index).zip(states.get(index));
            pair.is_some_and(|(names, state)| names.accepts(*state))
        };
        let is_within = (0..needed).all(accepted);
        if is_within && (without.is_none() || !accepted(needed)) {
            return Some(Found::Name(spelled(&seen, &states)));
        }
        for byte in ALPHABET {
            let next: Vec<StateID> = all
                .iter()
                .zip(&states)
                .map(|(names, state)| names.0.next_state(*state, *byte))
                .collect();
            let is_dead = all
                .iter()
                .zip(&next)
                .take(needed)
                .any(|(names, state)| names.0.is_dead_state(*state));
            if is_dead || seen.contains_key(&next) {
                continue;
            }
            if seen.len() > MAX_VISITED || !effort.spend(1) {
                return Some(Found::TooMany);
            }
            seen.insert(next.clone(), Some((states.clone(), *byte)));
            queue.push_back(next);
        }
    }
    None
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// A name.
    Name(String),
    /// The automata are too large to be searched, or nothing is left to spend.
    TooMany,
}

fn spelled(seen: &BTreeMap<Vec<StateID>, Option<(Vec<StateID>, u8)>>, end: &[StateID]) -> String {
    let mut text = Vec::new();
    let mut at = seen.get(end);
    while let Some(Some((before, byte))) = at {
        text.push(*byte);
        at = seen.get(before);
    }
    text.reverse();
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_name_of_a_difference_is_found() {
        let effort = Effort::default();
        let all = Names::all(&effort).unwrap();
        let set = |expressions: &[&str]| Names::of(expressions, &effort).unwrap();
        // (within, without, name)
        let rows: &[(&[&str], &[&str], Option<&str>)] = &[
            (&["^a/.*$"], &["^a/b.*$"], Some("a/a")),
            (&["^a/.*$"], &["^a/.*$"], None),
            (&["^a/[^/]*$"], &["^a/.*$"], None),
            (&["^a/.*$"], &["^a/[^/]*$"], Some("a/a/a")),
            (&["^a//b$"], &["^x$"], None),
            (&["^(a|b)$"], &["^a$", "^b$"], None),
        ];
        for (within, without, expected) in rows {
            let found = name(&all, &[&set(within)], Some(&set(without)), &effort);
            let expected = expected.map(|name| Found::Name(name.to_owned()));
            assert_eq!(found, expected, "{within:?} {without:?}");
        }
        let both = name(&all, &[&set(&["^a.*$"]), &set(&["^.*b$"])], None, &effort);
        assert_eq!(both, Some(Found::Name("ab".to_owned())));
    }
}
