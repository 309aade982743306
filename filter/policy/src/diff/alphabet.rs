//! The components that names of repositories may have, as letters: all components that the same
//! parts of patterns match are one letter.

use std::collections::{BTreeMap, HashMap, HashSet};

use registry_auth_engine::authz::Component;

use super::TooLarge;
use super::words::Words;

/// Names, and sets of expressions that match the same components.
#[derive(Debug)]
pub(super) struct Alphabet {
    names: HashMap<String, u32>,
    pub(super) literals: Vec<Literal>,
    globs: HashMap<String, u32>,
    pub(super) sets: Vec<Set>,
    by_globs: HashMap<Vec<u32>, u32>,
    words: Words,
}

/// A component that some pattern spells out.
#[derive(Debug)]
pub(super) struct Literal {
    pub(super) text: String,
    /// The expressions that match it too.
    pub(super) set: u32,
}

/// Components that the same expressions match.
#[derive(Debug, Default)]
pub(super) struct Set {
    /// The expressions, in order.
    pub(super) globs: Vec<u32>,
    /// The shortest of those that no pattern spells out; two suffice wherever one is excluded.
    pub(super) words: Vec<String>,
    /// Those that patterns spell out.
    pub(super) literals: Vec<u32>,
}

impl Alphabet {
    /// Finds the letters for the components of patterns.
    pub(super) fn of<'a>(
        components: impl Iterator<Item = &'a Component>,
    ) -> Result<Self, TooLarge> {
        let (mut names, mut globs) = (BTreeMap::new(), BTreeMap::new());
        for component in components {
            match component {
                Component::Name(name) => names.insert(name.clone(), 0),
                Component::Matching(glob) => globs.insert(glob.clone(), 0),
                Component::Rest | Component::Username => None,
            };
        }
        let names: Vec<String> = names.into_keys().collect();
        let globs: Vec<String> = globs.into_keys().collect();
        let mut words = Words::of(&names, &globs)?;
        let mut alphabet = Self {
            names: HashMap::new(),
            literals: Vec::new(),
            globs: (0..).zip(globs).map(|(id, glob)| (glob, id)).collect(),
            sets: Vec::new(),
            by_globs: HashMap::new(),
            words: Words::default(),
        };
        for (id, text) in (0..).zip(names) {
            let set = alphabet.set(words.globs_of(&text)?);
            if let Some(known) = alphabet.set_mut(set) {
                known.literals.push(id);
            }
            alphabet.names.insert(text.clone(), id);
            alphabet.literals.push(Literal { text, set });
        }
        for (globs, word) in words.shortest()? {
            let set = alphabet.set(globs);
            if let Some(known) = alphabet.set_mut(set) {
                known.words.push(word);
            }
        }
        alphabet.words = words;
        Ok(alphabet)
    }

    fn set(&mut self, globs: Vec<u32>) -> u32 {
        if let Some(known) = self.by_globs.get(&globs) {
            return *known;
        }
        let id = u32::try_from(self.sets.len()).unwrap_or(u32::MAX);
        self.by_globs.insert(globs.clone(), id);
        self.sets.push(Set {
            globs,
            ..Set::default()
        });
        id
    }

    fn set_mut(&mut self, set: u32) -> Option<&mut Set> {
        self.sets.get_mut(set as usize)
    }

    /// The number of a component that a pattern spells out.
    pub(super) fn name(&self, text: &str) -> Option<u32> {
        self.names.get(text).copied()
    }

    /// The number of an expression.
    pub(super) fn glob(&self, expression: &str) -> Option<u32> {
        self.globs.get(expression).copied()
    }

    pub(super) fn literal(&self, id: u32) -> Option<&Literal> {
        self.literals.get(id as usize)
    }

    /// The set of a component.
    pub(super) fn set_of(&mut self, text: &str) -> Result<u32, TooLarge> {
        let globs = self.words.globs_of(text)?;
        Ok(self.set(globs))
    }

    /// Components that no pattern spells out: for each set and each of some ranges of lengths the
    /// shortest that is not `taken`. A range ends before the next one begins, the last never.
    pub(super) fn fresh(
        &mut self,
        ranges: &[usize],
        taken: &HashSet<&str>,
    ) -> Result<Vec<(u32, String)>, TooLarge> {
        let found = self.words.of_lengths(ranges, taken)?;
        let found = found.into_iter();
        Ok(found.map(|(globs, word)| (self.set(globs), word)).collect())
    }
}
