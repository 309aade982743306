//! Words of the grammar of one component of a repository name, by the expressions that match them.

use std::collections::{HashMap, HashSet};

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind};

use super::TooLarge;

/// The bytes of a component, in the order in which samples have them.
const BYTES: &[u8] = b"xabcdefghijklmnopqrstuvwyz0123456789-_.";
/// Bytes of the states of all expressions together.
const CACHE: usize = 64 << 20;
/// Bytes of the expressions.
const EXPRESSIONS: usize = 64 << 20;
/// The most steps of one search.
const STEPS: usize = 2 << 20;
/// The longest component of a name, in bytes.
pub(super) const LONGEST: usize = 255;
/// How many words of each set are wanted: one of them may be the caller's name.
const WANTED: usize = 2;
/// How many bytes are searched beyond the longest word that has to be found.
const SPARE: usize = 16;

/// Where the words of names have left the tree of [`Names`].
const OUTSIDE: u32 = u32::MAX;

/// Expressions as an automaton, and the words that are names already.
#[derive(Debug, Default)]
pub(super) struct Words {
    automaton: Option<(DFA, Cache)>,
    names: Names,
    /// The length of the longest word that was wanted.
    longest: usize,
}

/// Names, as a tree of their bytes.
#[derive(Clone, Debug, Default)]
struct Names {
    next: HashMap<(u32, u8), u32>,
    ends: HashSet<u32>,
    count: u32,
}

/// What may follow in a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Before {
    Nothing,
    Letter,
    Underscore,
    Dashes,
    Separator,
}

/// A place in a search.
type Place = (LazyStateID, u32, Before);

/// Gets the expressions that match a word, the word, and its length.
type Find<'a> = dyn FnMut(Vec<u32>, &dyn Fn() -> String, usize) + 'a;

/// A word as a chain of its last byte and what is before it.
struct Step {
    place: Place,
    before: Option<usize>,
    byte: u8,
    length: usize,
}

impl Names {
    fn add(&mut self, name: &str) {
        let mut node = 0;
        for byte in name.bytes() {
            let fresh = self.count.saturating_add(1);
            let next = *self.next.entry((node, byte)).or_insert(fresh);
            self.count = self.count.max(next);
            node = next;
        }
        self.ends.insert(node);
    }

    fn step(&self, node: u32, byte: u8) -> u32 {
        self.next.get(&(node, byte)).copied().unwrap_or(OUTSIDE)
    }
}

impl Before {
    /// As the grammar of the OCI distribution spec has it.
    const fn step(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (_, b'a'..=b'z' | b'0'..=b'9') => Some(Self::Letter),
            (Self::Letter, b'_') => Some(Self::Underscore),
            (Self::Letter, b'.') | (Self::Underscore, b'_') => Some(Self::Separator),
            (Self::Letter | Self::Dashes, b'-') => Some(Self::Dashes),
            _ => None,
        }
    }
}

impl Words {
    /// Compiles expressions, each for a whole component.
    pub(super) fn of(names: &[String], globs: &[String]) -> Result<Self, TooLarge> {
        let nfa = thompson::Config::new()
            .utf8(false)
            .which_captures(WhichCaptures::None)
            .nfa_size_limit(Some(EXPRESSIONS));
        // States are kept while words are searched: one that is discarded would be lost.
        let lazy = DFA::config()
            .match_kind(MatchKind::All)
            .cache_capacity(CACHE)
            .skip_cache_capacity_check(true)
            .minimum_cache_clear_count(Some(0));
        let dfa = DFA::builder()
            .configure(lazy)
            .thompson(nfa)
            .syntax(syntax::Config::new().utf8(false))
            .build_many(globs)
            .map_err(|_| TooLarge)?;
        let cache = dfa.create_cache();
        let mut words = Self {
            automaton: Some((dfa, cache)),
            ..Self::default()
        };
        for name in names {
            words.names.add(name);
        }
        Ok(words)
    }

    /// The expressions that match a component, by their index and in order.
    pub(super) fn globs_of(&mut self, text: &str) -> Result<Vec<u32>, TooLarge> {
        let mut state = self.start()?;
        for byte in text.bytes() {
            state = self.next(state, byte)?;
        }
        self.matched(state)
    }

    /// For each set of expressions some words that just these match, and that are no names: the
    /// shortest, in the order of their lengths.
    pub(super) fn shortest(&mut self) -> Result<Vec<(Vec<u32>, String)>, TooLarge> {
        let mut counts: HashMap<Vec<u32>, usize> = HashMap::new();
        let mut found = Vec::new();
        let mut longest = 0;
        self.search(None, LONGEST, WANTED, &mut |globs, word, length| {
            let count = counts.entry(globs.clone()).or_default();
            *count += 1;
            if *count <= WANTED {
                longest = length;
                found.push((globs, word()));
            }
        })?;
        self.longest = longest;
        Ok(found)
    }

    /// For each set of expressions and each range of lengths the shortest word that is no name and
    /// not `taken`.
    pub(super) fn of_lengths(
        &mut self,
        ranges: &[usize],
        taken: &HashSet<&str>,
    ) -> Result<Vec<(Vec<u32>, String)>, TooLarge> {
        let mut seen: HashSet<(Vec<u32>, usize)> = HashSet::new();
        let mut found = Vec::new();
        let last = ranges.last().copied().unwrap_or_default();
        let longest = last.max(self.longest).saturating_add(SPARE).min(LONGEST);
        let mut avoided = self.names.clone();
        for name in taken {
            avoided.add(name);
        }
        self.search(Some(&avoided), longest, 1, &mut |globs, word, length| {
            let range = ranges.iter().filter(|begin| **begin <= length).count();
            if seen.insert((globs.clone(), range)) {
                found.push((globs, word()));
            }
        })?;
        Ok(found)
    }

    /// Searches breadth first for words that are no names, and finds up to `wanted` of each place.
    /// With names of its own to avoid, a place is another one at each length.
    fn search(
        &mut self,
        avoided: Option<&Names>,
        longest: usize,
        wanted: usize,
        found: &mut Find<'_>,
    ) -> Result<(), TooLarge> {
        let own = std::mem::take(&mut self.names);
        let names = avoided.unwrap_or(&own);
        let result = self.search_beside(names, avoided.is_some(), longest, wanted, found);
        self.names = own;
        result
    }

    fn search_beside(
        &mut self,
        names: &Names,
        by_length: bool,
        longest: usize,
        wanted: usize,
        found: &mut Find<'_>,
    ) -> Result<(), TooLarge> {
        let mut steps = vec![Step {
            place: (self.start()?, 0, Before::Nothing),
            before: None,
            byte: 0,
            length: 0,
        }];
        let mut seen: HashMap<(Place, usize), usize> = HashMap::new();
        let mut index = 0;
        while let Some(step) = steps.get(index) {
            let ((state, node, before), length) = (step.place, step.length);
            if before == Before::Letter && !names.ends.contains(&node) {
                let globs = self.matched(state)?;
                found(globs, &|| spelled(&steps, index), length);
            }
            let followed = BYTES.iter().filter(|_| length < longest);
            for &byte in followed {
                let Some(before) = before.step(byte) else {
                    continue;
                };
                let place = (self.next(state, byte)?, names.step(node, byte), before);
                let times = seen
                    .entry((place, if by_length { length } else { 0 }))
                    .or_default();
                *times += 1;
                if *times <= wanted {
                    steps.push(Step {
                        place,
                        before: Some(index),
                        byte,
                        length: length + 1,
                    });
                }
            }
            if steps.len() > STEPS {
                return Err(TooLarge);
            }
            index += 1;
        }
        Ok(())
    }

    fn start(&mut self) -> Result<LazyStateID, TooLarge> {
        let (dfa, cache) = self.automaton.as_mut().ok_or(TooLarge)?;
        let input = Input::new("").anchored(Anchored::Yes);
        dfa.start_state_forward(cache, &input).map_err(|_| TooLarge)
    }

    fn next(&mut self, state: LazyStateID, byte: u8) -> Result<LazyStateID, TooLarge> {
        let (dfa, cache) = self.automaton.as_mut().ok_or(TooLarge)?;
        dfa.next_state(cache, state, byte).map_err(|_| TooLarge)
    }

    fn matched(&mut self, state: LazyStateID) -> Result<Vec<u32>, TooLarge> {
        let (dfa, cache) = self.automaton.as_mut().ok_or(TooLarge)?;
        let end = dfa.next_eoi_state(cache, state).map_err(|_| TooLarge)?;
        let mut globs = Vec::new();
        if end.is_match() {
            for index in 0..dfa.match_len(cache, end) {
                let id = dfa.match_pattern(cache, end, index).as_usize();
                globs.push(u32::try_from(id).map_err(|_| TooLarge)?);
            }
        }
        globs.sort_unstable();
        Ok(globs)
    }
}

fn spelled(steps: &[Step], last: usize) -> String {
    let mut bytes = Vec::new();
    let mut at = steps.get(last);
    while let Some(Step {
        before: Some(before),
        byte,
        ..
    }) = at
    {
        bytes.push(char::from(*byte));
        at = steps.get(*before);
    }
    bytes.iter().rev().collect()
}
