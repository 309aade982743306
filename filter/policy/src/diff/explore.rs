//! Walks through all names of repositories at once, and finds which patterns decide in which
//! together.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap, HashSet};

use super::TooLarge;
use super::alphabet::Alphabet;
use super::order::{NONE, Order, Pattern};
use super::tree::{Node, Tree};
use super::words::LONGEST;

/// What a comparison may cost: nodes that are visited, each as often as it is.
pub(super) const BUDGET: usize = 24_000_000;
/// What it may remember at a time, in nodes.
const MEMORY: usize = 16_000_000;

/// What is left of the budget.
#[derive(Debug)]
pub(super) struct Budget(pub(super) usize);

impl Budget {
    pub(super) fn spend(&mut self, cost: usize) -> Result<(), TooLarge> {
        self.0 = self.0.checked_sub(cost).ok_or(TooLarge)?;
        Ok(())
    }
}

/// The patterns that decide for the same names, and the shortest of these.
pub(super) type Regions = BTreeMap<(Option<u32>, Option<u32>), String>;

/// The caller by whose name `${username}` is replaced.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) name: String,
    pub(super) literal: Option<u32>,
    pub(super) set: u32,
}

/// Which names are of interest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Also those for which no pattern that differs decides.
    pub(super) unchanged: bool,
    /// Of these only the ones for which a pattern with `${username}` decides.
    pub(super) templates: bool,
}

/// What a walk reads.
#[derive(Clone, Copy)]
pub(super) struct Walk<'a> {
    pub(super) tree: &'a Tree,
    pub(super) alphabet: &'a Alphabet,
    pub(super) patterns: &'a [Pattern],
    pub(super) orders: &'a [Order; 2],
    pub(super) caller: Option<&'a Caller>,
    pub(super) wanted: Wanted,
}

/// A set of nodes that some names lead to.
struct Place {
    nodes: Vec<u32>,
    name: String,
}

/// A component that is read.
struct Letter<'a> {
    word: &'a str,
    literal: Option<u32>,
    set: u32,
    is_caller: bool,
}

impl Walk<'_> {
    /// Finds the regions.
    pub(super) fn regions(self, budget: &mut Budget) -> Result<Regions, TooLarge> {
        let mut found = Regions::new();
        let mut places = vec![Place {
            nodes: self.closed([0]),
            name: String::new(),
        }];
        // The shortest names first.
        let mut queue = BinaryHeap::from([Reverse((0, 0))]);
        let mut seen: HashMap<Vec<u32>, usize> = HashMap::new();
        let mut cores: HashSet<Vec<u32>> = HashSet::new();
        let mut memory = 0;
        while let Some(Reverse((_, index))) = queue.pop() {
            let Some(place) = places.get_mut(index) else {
                continue;
            };
            let nodes = std::mem::take(&mut place.nodes);
            let name = std::mem::take(&mut place.name);
            if !name.is_empty() {
                self.note(&nodes, &name, &mut found);
            }
            let core = self.core(&nodes);
            if !self.is_alive(&core) || !cores.insert(core.clone()) {
                continue;
            }
            for letter in self.letters(&core) {
                let next = self.next(&core, &letter);
                budget.spend(1 + core.len() + next.len())?;
                let separator = usize::from(!name.is_empty());
                let length = name.len() + separator + letter.word.len();
                let is_shorter = seen.get(&next).is_none_or(|known| length < *known);
                if length > LONGEST || !is_shorter {
                    continue;
                }
                memory += next.len() + length / 4 + 8;
                if memory > MEMORY {
                    return Err(TooLarge);
                }
                seen.insert(next.clone(), length);
                queue.push(Reverse((length, places.len())));
                let slash = if separator == 0 { "" } else { "/" };
                places.push(Place {
                    nodes: next,
                    name: format!("{name}{slash}{}", letter.word),
                });
            }
        }
        Ok(found)
    }

    /// Writes down the region of a name.
    fn note(&self, nodes: &[u32], name: &str, found: &mut Regions) {
        let deciding = self.orders.each_ref().map(|order| {
            let own = nodes
                .iter()
                .filter_map(|node| order.own.get(*node as usize));
            own.min().and_then(|place| order.pattern(*place))
        });
        let of = |counts: &dyn Fn(&Pattern) -> bool| {
            let patterns = deciding.iter().flatten();
            let mut patterns = patterns.filter_map(|id| self.patterns.get(*id as usize));
            patterns.any(counts)
        };
        let is_changed = self.wanted.unchanged || of(&|pattern| pattern.is_changed);
        let is_wanted =
            is_changed && (!self.wanted.templates || of(&|pattern| pattern.is_template));
        if is_wanted {
            let [old, new] = deciding;
            found.entry((old, new)).or_insert_with(|| name.to_owned());
        }
    }

    /// The best place of a pattern that matches whatever follows, for each policy.
    fn certain(&self, nodes: &[u32]) -> [u32; 2] {
        self.orders.each_ref().map(|order| {
            let loops = nodes
                .iter()
                .filter(|id| self.node(**id).is_some_and(|node| node.is_loop));
            let own = loops.filter_map(|id| order.own.get(*id as usize));
            own.min().copied().unwrap_or(NONE)
        })
    }

    /// Of some nodes those that lead somewhere, and that are not hidden whatever follows.
    fn core(&self, nodes: &[u32]) -> Vec<u32> {
        let certain = self.certain(nodes);
        let leads = |id: &&u32| {
            self.node(**id).is_some_and(|node| {
                node.is_loop
                    || !node.literals.is_empty()
                    || !node.globs.is_empty()
                    || node.username.is_some() && self.caller.is_some()
            })
        };
        let may_decide = |id: &&u32| {
            self.orders.iter().zip(certain).any(|(order, certain)| {
                let below = order.below.get(**id as usize).copied().unwrap_or(NONE);
                below != NONE && below <= certain
            })
        };
        let kept = nodes.iter().filter(leads).filter(may_decide);
        kept.copied().collect()
    }

    /// Returns true if what is of interest may still decide.
    fn is_alive(&self, nodes: &[u32]) -> bool {
        let certain = self.certain(nodes);
        let may = |what: &dyn Fn(&Order) -> &Vec<u32>| {
            self.orders.iter().zip(certain).any(|(order, certain)| {
                let mut places = nodes.iter().filter_map(|id| what(order).get(*id as usize));
                places.any(|place| *place != NONE && *place <= certain)
            })
        };
        let is_changed = self.wanted.unchanged || may(&|order| &order.changed);
        is_changed && (!self.wanted.templates || may(&|order| &order.templates))
    }

    /// The components that lead to different places: those that are spelled out here, and one of
    /// each set of others.
    fn letters(&self, nodes: &[u32]) -> Vec<Letter<'_>> {
        let mut named: BTreeSet<u32> = BTreeSet::new();
        // Where only patterns with `${username}` are wanted, most names lead nowhere.
        let some = self.wanted.templates && !self.may_read_any(nodes);
        for node in nodes.iter().filter_map(|id| self.node(*id)) {
            if some {
                named.extend(&node.to_templates);
            } else {
                named.extend(node.literals.keys());
            }
        }
        let is_caller = |word: &str| self.caller.is_some_and(|caller| caller.name == word);
        let mut letters = Vec::new();
        if !some {
            for (id, set) in (0..).zip(&self.alphabet.sets) {
                let literals = set
                    .literals
                    .iter()
                    .filter(|literal| !named.contains(literal));
                let literals = literals.filter_map(|literal| self.alphabet.literal(*literal));
                let words = set.words.iter().map(String::as_str);
                let mut words = words.chain(literals.map(|literal| literal.text.as_str()));
                letters.extend(words.find(|word| !is_caller(word)).map(|word| Letter {
                    word,
                    literal: None,
                    set: id,
                    is_caller: false,
                }));
            }
        }
        for id in named {
            let literal = self.alphabet.literal(id);
            letters.extend(
                literal
                    .filter(|literal| !is_caller(&literal.text))
                    .map(|literal| Letter {
                        word: &literal.text,
                        literal: Some(id),
                        set: literal.set,
                        is_caller: false,
                    }),
            );
        }
        letters.extend(self.caller.map(|caller| Letter {
            word: &caller.name,
            literal: caller.literal,
            set: caller.set,
            is_caller: true,
        }));
        letters
    }

    /// Returns true if a component that no node spells out may lead to `${username}`, or is read
    /// behind it.
    fn may_read_any(&self, nodes: &[u32]) -> bool {
        let leads = |id: u32| self.node(id).is_some_and(|node| node.has_template);
        let mut read = nodes.iter().filter_map(|id| self.node(*id));
        let mut loops = nodes
            .iter()
            .filter(|id| self.node(**id).is_some_and(|node| node.is_loop));
        loops.any(|id| leads(*id))
            || read.any(|node| node.globs.iter().any(|(_, child)| leads(*child)))
    }

    fn next(&self, nodes: &[u32], letter: &Letter<'_>) -> Vec<u32> {
        let globs = self.alphabet.sets.get(letter.set as usize);
        let globs = globs.map_or(&[][..], |set| &set.globs);
        let mut next = Vec::new();
        for (id, node) in nodes.iter().filter_map(|id| Some((*id, self.node(*id)?))) {
            if node.is_loop {
                next.push(id);
            }
            next.extend(
                letter
                    .literal
                    .and_then(|literal| node.literals.get(&literal)),
            );
            let matching = node
                .globs
                .iter()
                .filter(|(glob, _)| globs.binary_search(glob).is_ok());
            next.extend(matching.map(|(_, child)| *child));
            if letter.is_caller {
                next.extend(node.username);
            }
        }
        self.closed(next)
    }

    /// The nodes in order, with those behind a `**`, which may be no component.
    fn closed(&self, nodes: impl IntoIterator<Item = u32>) -> Vec<u32> {
        let mut all = Vec::new();
        for id in nodes {
            let mut at = Some(id);
            while let Some(id) = at {
                all.push(id);
                at = self.node(id).and_then(|node| node.rest);
            }
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    fn node(&self, id: u32) -> Option<&Node> {
        self.tree.node(id)
    }
}
