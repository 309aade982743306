//! Which pattern decides, for every place of the tree.

use super::tree::Tree;

/// No pattern.
pub(super) const NONE: u32 = u32::MAX;

/// A pattern of one or of both policies.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) text: String,
    pub(super) wildcards: usize,
    pub(super) is_template: bool,
    /// Which of the two policies has it.
    pub(super) is_in: [bool; 2],
    /// Its rules differ, or only one policy has it.
    pub(super) is_changed: bool,
}

/// What one policy has at each node of the tree: numbers are the places of patterns in the order in
/// which they decide, [`NONE`] where there is none.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// The pattern at each place.
    pub(super) patterns: Vec<u32>,
    /// The first pattern that ends at a node.
    pub(super) own: Vec<u32>,
    /// The first of those that end at a node or below.
    pub(super) below: Vec<u32>,
    /// The same of those that differ.
    pub(super) changed: Vec<u32>,
    /// The same of those with `${username}`.
    pub(super) templates: Vec<u32>,
}

impl Order {
    /// The order of the patterns of one policy for a caller whose name has this length; without
    /// patterns with `${username}` for others.
    pub(super) fn of(side: usize, patterns: &[Pattern], tree: &Tree, user: Option<usize>) -> Self {
        let length = |pattern: &Pattern| match user {
            Some(user) if pattern.is_template => {
                (pattern.text.len() + user).saturating_sub(TEMPLATE.len())
            }
            _ => pattern.text.len(),
        };
        let known = |pattern: &Pattern| {
            let is_here = pattern.is_in.get(side).copied().unwrap_or_default();
            is_here && (user.is_some() || !pattern.is_template)
        };
        let mut ordered: Vec<(u32, &Pattern)> = (0..)
            .zip(patterns)
            .filter(|(_, pattern)| known(pattern))
            .collect();
        ordered.sort_by_cached_key(|(_, pattern)| {
            let longest_first = usize::MAX - length(pattern);
            (
                longest_first,
                pattern.is_template,
                pattern.wildcards,
                &pattern.text,
            )
        });
        let mut places = vec![NONE; patterns.len()];
        for (place, (pattern, _)) in (0..).zip(&ordered) {
            if let Some(known) = places.get_mut(*pattern as usize) {
                *known = place;
            }
        }
        let mut order = Self {
            patterns: ordered.into_iter().map(|(pattern, _)| pattern).collect(),
            ..Self::default()
        };
        order.fill(patterns, &places, tree);
        order
    }

    fn fill(&mut self, patterns: &[Pattern], places: &[u32], tree: &Tree) {
        let first = |ends: &[u32], counts: &dyn Fn(&Pattern) -> bool| {
            let counting = ends.iter().filter(|end| {
                let pattern = patterns.get(**end as usize);
                pattern.is_some_and(counts)
            });
            let places = counting.filter_map(|end| places.get(*end as usize).copied());
            places.min().unwrap_or(NONE)
        };
        let of = |counts: &dyn Fn(&Pattern) -> bool| -> Vec<u32> {
            let nodes = tree.nodes.iter();
            nodes.map(|node| first(&node.ends, counts)).collect()
        };
        self.own = of(&|_| true);
        self.below = up(tree, self.own.clone());
        self.changed = up(tree, of(&|pattern| pattern.is_changed));
        self.templates = up(tree, of(&|pattern| pattern.is_template));
    }

    /// The pattern at a place; `None` for [`NONE`].
    pub(super) fn pattern(&self, place: u32) -> Option<u32> {
        self.patterns.get(place as usize).copied()
    }
}

/// Each number becomes the least of those at the node and below.
fn up(tree: &Tree, mut numbers: Vec<u32>) -> Vec<u32> {
    for (id, node) in tree.nodes.iter().enumerate().rev() {
        let children = node
            .literals
            .values()
            .chain(node.globs.iter().map(|(_, child)| child));
        let children = children.chain(&node.rest).chain(&node.username);
        let below = children.filter_map(|child| numbers.get(*child as usize).copied());
        let least = below.min().unwrap_or(NONE);
        if let Some(own) = numbers.get_mut(id) {
            *own = least.min(*own);
        }
    }
    numbers
}

/// As patterns have it.
pub(super) const TEMPLATE: &str = "${username}";
