//! Which pattern decides for a name: the longest text, in bytes; of equally long ones that with fewer wildcards, then the first in
//! text order (zot leaves ties to chance).

use std::cmp::Reverse;

use globset::{GlobSet, GlobSetBuilder};

use super::pattern::Pattern;

/// Patterns with what hangs on them, in the order in which they decide.
#[derive(Debug)]
pub(super) struct PatternIndex<T> {
    entries: Vec<(Pattern, T)>,
    globs: GlobSet,
    /// The entry of each glob.
    owners: Vec<usize>,
}

impl<T> PatternIndex<T> {
    /// Builds the index; `None` when the patterns together are too large to be matched.
    pub(super) fn build(mut entries: Vec<(Pattern, T)>) -> Option<Self> {
        entries.sort_by(|(one, _), (other, _)| precedence(one).cmp(&precedence(other)));
        let mut builder = GlobSetBuilder::new();
        let mut owners = Vec::new();
        for (index, (pattern, _)) in entries.iter().enumerate() {
            for glob in pattern.globs() {
                builder.add(glob.clone());
                owners.push(index);
            }
        }
        let globs = builder.build().ok()?;
        Some(Self { entries, globs, owners })
    }

    /// The entry that decides for `name`.
    pub(super) fn find(&self, name: &str) -> Option<(&Pattern, &T)> {
        let first = self.globs.matches(name).into_iter().filter_map(|glob| self.owners.get(glob)).min()?;
        self.entries.get(*first).map(|(pattern, value)| (pattern, value))
    }

    /// What hangs on the patterns.
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|(_, value)| value)
    }
}

fn precedence(pattern: &Pattern) -> (Reverse<usize>, usize, &str) {
    (Reverse(pattern.text().len()), pattern.wildcards(), pattern.text())
}
