//! Which pattern decides for a name: the longest text, in bytes; of equally long ones that with
//! fewer wildcards, then the first in text order (zot leaves ties to chance).
//!
//! The length of a pattern with `${username}` is that with the caller's name in place; of equally
//! long ones a pattern without decides.

use std::cmp::Reverse;

use registry_auth_cel::pattern_set::PatternSet;

use super::pattern::{MARK, Pattern, TEMPLATE};
use crate::route::Repository;

/// The largest automaton of all patterns together, bytes.
const MAX_SIZE: usize = 64 << 20;

/// Patterns with their values, in the order of precedence.
#[derive(Debug)]
pub(super) struct PatternIndex<T> {
    plain: Ordered<T>,
    /// Those with `${username}`. All of them grow by the same length when the name is put in, so
    /// their order is the same for every user.
    templates: Ordered<T>,
}

/// Patterns in the order in which they decide, matched together.
#[derive(Debug)]
struct Ordered<T> {
    entries: Vec<(Pattern, T)>,
    globs: PatternSet,
    /// The entry of each glob.
    owners: Vec<usize>,
}

impl<T> PatternIndex<T> {
    /// Builds the index; `None` when the patterns together are too large to be matched.
    pub(super) fn build(entries: Vec<(Pattern, T)>) -> Option<Self> {
        let (templates, plain) = entries
            .into_iter()
            .partition(|(pattern, _)| pattern.is_template());
        Some(Self {
            plain: Ordered::build(plain)?,
            templates: Ordered::build(templates)?,
        })
    }

    /// The entry that decides for `name` when the user of this name asks; an anonymous caller has
    /// none.
    pub(super) fn find(&self, name: &str, user: Option<&str>) -> Option<(&Pattern, &T)> {
        let plain = self.plain.find(name);
        let template = user.and_then(|user| Some((user, self.templates.find_marked(name, user)?)));
        let (pattern, value) = match (plain, template) {
            (Some(plain), Some((user, template))) => {
                let expanded = template
                    .0
                    .text()
                    .len()
                    .saturating_sub(TEMPLATE.len())
                    .saturating_add(user.len());
                if expanded > plain.0.text().len() {
                    template
                } else {
                    plain
                }
            }
            (plain, template) => plain.or_else(|| template.map(|(_, template)| template))?,
        };
        Some((pattern, value))
    }

    /// The patterns that match `name` when the user of this name asks, the deciding one first. Each
    /// is compiled alone: for people, and not for requests.
    pub(super) fn all(&self, name: &str, user: Option<&str>) -> Vec<&Pattern> {
        let plain = self.plain.entries.iter().map(|(pattern, _)| pattern);
        let templates = self.templates.entries.iter().map(|(pattern, _)| pattern);
        let deciding = self.find(name, user).map(|(pattern, _)| pattern);
        let matches = |pattern: &Pattern| {
            let text = match user {
                Some(user) => pattern.text().replace(TEMPLATE, user),
                None => pattern.text().to_string(),
            };
            let alone = Pattern::compile(&text).ok();
            let alone = alone.and_then(|pattern| Ordered::build(vec![(pattern, ())]));
            alone.is_some_and(|alone| alone.find(name).is_some())
        };
        let others = plain.chain(templates).filter(|pattern| {
            let is_deciding = deciding.is_some_and(|known| std::ptr::eq(known, *pattern));
            !is_deciding && matches(pattern)
        });
        deciding.into_iter().chain(others).collect()
    }

    /// The patterns with their values, in the order in which they decide; those with `${username}`
    /// last.
    pub(super) fn entries(&self) -> impl Iterator<Item = &(Pattern, T)> {
        self.plain.entries.iter().chain(&self.templates.entries)
    }

    /// The values of the patterns.
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.of_anybody()
            .chain(self.templates.entries.iter().map(|(_, value)| value))
    }

    /// The values of the patterns that match for any caller.
    pub(super) fn of_anybody(&self) -> impl Iterator<Item = &T> {
        self.plain.entries.iter().map(|(_, value)| value)
    }
}

impl<T> Ordered<T> {
    fn build(mut entries: Vec<(Pattern, T)>) -> Option<Self> {
        entries.sort_by(|(one, _), (other, _)| precedence(one).cmp(&precedence(other)));
        let mut expressions = Vec::new();
        let mut owners = Vec::new();
        for (index, (pattern, _)) in entries.iter().enumerate() {
            for glob in pattern.globs() {
                expressions.push(glob.regex());
                owners.push(index);
            }
        }
        let globs = PatternSet::build(&expressions, MAX_SIZE)?;
        Some(Self {
            entries,
            globs,
            owners,
        })
    }

    fn find(&self, name: &str) -> Option<&(Pattern, T)> {
        self.entries.get(self.owner(name)?)
    }

    fn owner(&self, name: &str) -> Option<usize> {
        // Globs are in the order of their entries, so the first that matches belongs to the first
        // entry that does.
        self.owners.get(self.globs.first(name)?).copied()
    }

    /// The entry that decides when each `${username}` is `user`.
    ///
    /// Nothing is compiled for a user: in the automaton `${username}` is a mark. For each component
    /// that equals the user's name, the repository name is matched with the mark in place of that
    /// component. Pattern and text have one mark each, and no wildcard matches it. There are as
    /// many passes as such components: mostly none or one, and never more than half of the 255
    /// characters of a name.
    fn find_marked(&self, name: &str, user: &str) -> Option<&(Pattern, T)> {
        if self.entries.is_empty() || user.contains('/') || Repository::parse_name(user).is_err() {
            return None;
        }
        let mut first = None;
        let mut start = 0;
        let mut read = String::with_capacity(name.len());
        for component in name.split('/') {
            let end = start + component.len();
            if component == user {
                read.clear();
                read.push_str(name.get(..start)?);
                read.push(MARK);
                read.push_str(name.get(end..)?);
                first = [first, self.owner(&read)].into_iter().flatten().min();
            }
            start = end + 1;
        }
        self.entries.get(first?)
    }
}

fn precedence(pattern: &Pattern) -> (Reverse<usize>, usize, &str) {
    (
        Reverse(pattern.text().len()),
        pattern.wildcards(),
        pattern.text(),
    )
}
