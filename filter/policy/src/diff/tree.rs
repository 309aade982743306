//! The patterns of two policies as one tree: each node is what some patterns have read so far.

use std::collections::{BTreeMap, BTreeSet};

use registry_auth_engine::authz::Component;

use super::TooLarge;
use super::alphabet::Alphabet;

/// The most nodes.
const NODES: usize = 4 << 20;

/// Patterns, merged where they begin alike. The root is node 0; a node comes after its parent.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
}

/// What some patterns have read.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) literals: BTreeMap<u32, u32>,
    pub(super) globs: Vec<(u32, u32)>,
    /// Behind a `**`.
    pub(super) rest: Option<u32>,
    /// Behind `${username}`.
    pub(super) username: Option<u32>,
    /// The node is behind a `**`: it reads any component and stays.
    pub(super) is_loop: bool,
    /// The patterns that end here.
    pub(super) ends: Vec<u32>,
    /// It is behind a `${username}`, or before one.
    pub(super) has_template: bool,
    /// The literals whose nodes are.
    pub(super) to_templates: Vec<u32>,
    /// The fewest components that are read before.
    depth: usize,
    /// A `**` is before it: there may be more.
    is_unbounded: bool,
}

impl Tree {
    /// Builds the tree of numbered sequences.
    pub(super) fn of<'a>(
        sequences: impl Iterator<Item = (u32, &'a [Component])>,
        alphabet: &Alphabet,
    ) -> Result<Self, TooLarge> {
        let mut tree = Self {
            nodes: vec![Node::default()],
        };
        for (pattern, sequence) in sequences {
            let mut at = 0;
            for component in sequence {
                at = tree.child(at, component, alphabet).ok_or(TooLarge)?;
            }
            let end = tree.nodes.get_mut(at as usize).ok_or(TooLarge)?;
            if !end.ends.contains(&pattern) {
                end.ends.push(pattern);
            }
        }
        tree.mark_templates();
        Ok(tree)
    }

    /// Marks the nodes before `${username}`; those behind it are marked when they are made.
    fn mark_templates(&mut self) {
        for id in (0..self.nodes.len()).rev() {
            let Some(node) = self.nodes.get(id) else {
                continue;
            };
            let leads = |child: &u32| self.node(*child).is_some_and(|child| child.has_template);
            let literals = node.literals.iter().filter(|(_, child)| leads(child));
            let to_templates: Vec<u32> = literals.map(|(literal, _)| *literal).collect();
            let has_template = node.has_template
                || node.username.is_some()
                || !to_templates.is_empty()
                || node.rest.iter().any(leads)
                || node.globs.iter().any(|(_, child)| leads(child));
            if let Some(node) = self.nodes.get_mut(id) {
                node.has_template = has_template;
                node.to_templates = to_templates;
            }
        }
    }

    pub(super) fn node(&self, id: u32) -> Option<&Node> {
        self.nodes.get(id as usize)
    }

    /// The child of a node, which is made if there is none.
    fn child(&mut self, parent: u32, component: &Component, alphabet: &Alphabet) -> Option<u32> {
        let fresh = u32::try_from(self.nodes.len()).ok()?;
        let node = self.nodes.get_mut(parent as usize)?;
        let is_rest = *component == Component::Rest;
        let child = match component {
            Component::Name(name) => *node.literals.entry(alphabet.name(name)?).or_insert(fresh),
            Component::Rest => *node.rest.get_or_insert(fresh),
            Component::Username => *node.username.get_or_insert(fresh),
            Component::Matching(glob) => {
                let glob = alphabet.glob(glob)?;
                let known = node.globs.iter().find(|(known, _)| *known == glob);
                let child = known.map_or(fresh, |(_, child)| *child);
                if child == fresh {
                    node.globs.push((glob, fresh));
                }
                child
            }
        };
        if child == fresh {
            let added = Node {
                is_loop: is_rest,
                depth: node.depth + usize::from(!is_rest),
                is_unbounded: node.is_unbounded || is_rest,
                has_template: *component == Component::Username || node.has_template,
                ..Node::default()
            };
            self.nodes.push(added);
        }
        (self.nodes.len() <= NODES).then_some(child)
    }

    /// The components that patterns spell out where others have `${username}`: whether a caller is
    /// called so makes a difference.
    pub(super) fn rivals(&self) -> BTreeSet<u32> {
        let mut at = BTreeSet::new();
        let mut from = None;
        for node in self.nodes.iter().filter(|node| node.username.is_some()) {
            if node.is_unbounded {
                from = Some(from.map_or(node.depth, |known: usize| known.min(node.depth)));
            } else {
                at.insert(node.depth);
            }
        }
        let last = at.last().copied();
        let is_rival = |node: &&Node| {
            if node.is_unbounded {
                from.is_some() || last.is_some_and(|last| last >= node.depth)
            } else {
                at.contains(&node.depth) || from.is_some_and(|from| node.depth >= from)
            }
        };
        let rivals = self.nodes.iter().filter(is_rival);
        rivals
            .flat_map(|node| node.literals.keys().copied())
            .collect()
    }
}
