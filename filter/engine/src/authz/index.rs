//! Which pattern decides for a name: the longest text, in bytes; of equally long ones that with fewer wildcards, then the first in
//! text order (zot leaves ties to chance).

use std::cmp::Reverse;

use super::pattern::Pattern;
use crate::automaton::Automaton;

/// The largest automaton of all patterns together, bytes.
const MAX_SIZE: usize = 64 << 20;

/// Patterns with what hangs on them, in the order in which they decide.
#[derive(Debug)]
pub(super) struct PatternIndex<T> {
    entries: Vec<(Pattern, T)>,
    globs: Automaton,
    /// The entry of each glob.
    owners: Vec<usize>,
}

impl<T> PatternIndex<T> {
    /// Builds the index; `None` when the patterns together are too large to be matched.
    pub(super) fn build(mut entries: Vec<(Pattern, T)>) -> Option<Self> {
        entries.sort_by(|(one, _), (other, _)| precedence(one).cmp(&precedence(other)));
        let mut expressions = Vec::new();
        let mut owners = Vec::new();
        for (index, (pattern, _)) in entries.iter().enumerate() {
            for glob in pattern.globs() {
                expressions.push(glob.regex());
                owners.push(index);
            }
        }
        let globs = Automaton::build(&expressions, MAX_SIZE)?;
        Some(Self { entries, globs, owners })
    }

    /// The entry that decides for `name`.
    pub(super) fn find(&self, name: &str) -> Option<(&Pattern, &T)> {
        // Globs stand in the order of their entries, so the first that matches belongs to the first entry that does.
        let owner = self.owners.get(self.globs.first(name)?)?;
        self.entries.get(*owner).map(|(pattern, value)| (pattern, value))
    }

    /// What hangs on the patterns.
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|(_, value)| value)
    }
}

fn precedence(pattern: &Pattern) -> (Reverse<usize>, usize, &str) {
    (Reverse(pattern.text().len()), pattern.wildcards(), pattern.text())
}
