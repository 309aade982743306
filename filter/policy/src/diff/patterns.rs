//! The patterns of two policies with their rules, and the names for which they decide.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use registry_auth_engine::Diagnostics;
use registry_auth_engine::authz::{Component, Policy};
use registry_auth_engine::config::raw::{AccessControl, PolicyGroup};
use registry_auth_engine::route::Repository;

use super::alphabet::Alphabet;
use super::explore::{Budget, Caller, Regions, Walk, Wanted};
use super::order::{Order, Pattern, TEMPLATE};
use super::rights::{ACTIONS, Rules};
use super::tree::Tree;
use super::words::LONGEST;
use super::{Side, TooLarge};

/// Two policies, ready to be walked through.
pub(super) struct Patterns {
    pub(super) list: Vec<Pattern>,
    /// The rules of each pattern, by policy.
    pub(super) rules: [Vec<Rules>; 2],
    /// Those of the admin policies.
    pub(super) admin: [Rules; 2],
    alphabet: Alphabet,
    tree: Tree,
}

/// A caller after whom a part of a repository may be named.
pub(super) struct Named {
    pub(super) name: String,
    /// No rule names it: it is one of many.
    pub(super) is_stranger: bool,
    /// The names for which patterns with `${username}` decide.
    pub(super) regions: Regions,
}

impl Patterns {
    /// Reads the patterns and rules of both policies. Without access control everybody with a
    /// credential may do everything, as by a policy that says so.
    pub(super) fn of(sides: [Side<'_>; 2]) -> Result<Self, TooLarge> {
        let open = open();
        let mut list: Vec<Pattern> = Vec::new();
        let mut known: HashMap<String, usize> = HashMap::new();
        let mut sequences: Vec<(u32, Vec<Component>)> = Vec::new();
        let mut rules = [Vec::new(), Vec::new()];
        let mut admin = [Rules::default(), Rules::default()];
        for (side, given) in sides.iter().enumerate() {
            let policy = given.engine.policy().or(open.as_ref()).ok_or(TooLarge)?;
            for pattern in policy.patterns_in_order() {
                let next = list.len();
                let index = *known.entry(pattern.text.to_string()).or_insert(next);
                if index == next {
                    let id = u32::try_from(index).map_err(|_| TooLarge)?;
                    let all = pattern.sequences.into_iter();
                    let all = all.filter(|sequence| sequence.iter().all(is_reachable));
                    sequences.extend(all.map(|sequence| (id, sequence)));
                    list.push(Pattern {
                        text: pattern.text.to_string(),
                        wildcards: pattern.wildcards,
                        is_template: pattern.is_template,
                        is_in: [false; 2],
                        is_changed: false,
                    });
                }
                let is_in = list
                    .get_mut(index)
                    .and_then(|known| known.is_in.get_mut(side));
                if let Some(is_in) = is_in {
                    *is_in = true;
                }
            }
            let (rules, admin) = (rules.get_mut(side), admin.get_mut(side));
            let (rules, admin) = rules.zip(admin).ok_or(TooLarge)?;
            rules.resize_with(list.len(), Rules::default);
            for rule in policy.rules() {
                let index = rule.pattern.as_ref().map(|text| known.get(&**text));
                match index {
                    None => admin.add(&rule),
                    Some(index) => {
                        let rules = index.and_then(|index| rules.get_mut(*index));
                        rules.ok_or(TooLarge)?.add(&rule);
                    }
                }
            }
        }
        for rules in &mut rules {
            rules.resize_with(list.len(), Rules::default);
        }
        let components = sequences.iter().flat_map(|(_, sequence)| sequence);
        let alphabet = Alphabet::of(components)?;
        let all = sequences
            .iter()
            .map(|(id, sequence)| (*id, sequence.as_slice()));
        let tree = Tree::of(all, &alphabet)?;
        Ok(Self {
            list,
            rules,
            admin,
            alphabet,
            tree,
        })
    }

    /// Marks the patterns that differ: those of one policy only, those with other rules, and those
    /// that name one of `groups`.
    pub(super) fn mark(&mut self, groups: &BTreeSet<String>) {
        let [old, new] = &self.rules;
        for ((pattern, old), new) in self.list.iter_mut().zip(old).zip(new) {
            let mut named = old.groups.keys().chain(new.groups.keys());
            let is_named = named.any(|group| groups.contains(group));
            pattern.is_changed = pattern.is_in != [true; 2] || old != new || is_named;
        }
    }

    /// Returns true if a pattern has `${username}`.
    pub(super) fn has_templates(&self) -> bool {
        self.list.iter().any(|pattern| pattern.is_template)
    }

    /// The regions of callers after whom no part of a repository is named.
    pub(super) fn plain(&self, wanted: Wanted, budget: &mut Budget) -> Result<Regions, TooLarge> {
        let orders = [0, 1].map(|side| Order::of(side, &self.list, &self.tree, None));
        self.walk(&orders, None, wanted).regions(budget)
    }

    /// The regions of one caller.
    pub(super) fn of_caller(
        &mut self,
        name: &str,
        wanted: Wanted,
        budget: &mut Budget,
    ) -> Result<Regions, TooLarge> {
        let caller = self.caller(name)?;
        let length = Some(name.len());
        let orders = [0, 1].map(|side| Order::of(side, &self.list, &self.tree, length));
        self.walk(&orders, Some(&caller), wanted).regions(budget)
    }

    fn walk<'a>(
        &'a self,
        orders: &'a [Order; 2],
        caller: Option<&'a Caller>,
        wanted: Wanted,
    ) -> Walk<'a> {
        Walk {
            tree: &self.tree,
            alphabet: &self.alphabet,
            patterns: &self.list,
            orders,
            caller,
            wanted,
        }
    }

    fn caller(&mut self, name: &str) -> Result<Caller, TooLarge> {
        Ok(Caller {
            name: name.to_owned(),
            literal: self.alphabet.name(name),
            set: self.alphabet.set_of(name)?,
        })
    }

    /// Callers after whom a part of a repository may be named: those that rules name, and of others
    /// one for each way in which their names make a difference (the length, and which parts of
    /// patterns match it).
    pub(super) fn callers(
        &mut self,
        named: &BTreeSet<&str>,
        wanted: Wanted,
        budget: &mut Budget,
    ) -> Result<Vec<Named>, TooLarge> {
        let begins = self.lengths();
        let range = |name: &str| begins.iter().filter(|begin| **begin <= name.len()).count();
        let taken: HashSet<&str> = named.iter().copied().collect();
        let mut strangers: BTreeMap<(usize, u32, Option<u32>), String> = BTreeMap::new();
        for (set, name) in self.alphabet.fresh(&begins, &taken)? {
            strangers.entry((range(&name), set, None)).or_insert(name);
        }
        let rivals = self.tree.rivals();
        for (id, literal) in (0..).zip(&self.alphabet.literals) {
            let rival = rivals.contains(&id).then_some(id);
            if !taken.contains(literal.text.as_str()) {
                let class = (range(&literal.text), literal.set, rival);
                strangers
                    .entry(class)
                    .or_insert_with(|| literal.text.clone());
            }
        }
        let strangers = strangers.into_values().map(|name| (name, true));
        let named = named.iter().map(|name| ((*name).to_owned(), false));
        let mut callers: Vec<_> = strangers.chain(named).collect();
        callers.sort_by_cached_key(|(name, is_stranger)| (range(name), !is_stranger));
        let mut found = Vec::new();
        let mut orders: Option<(usize, [Order; 2])> = None;
        for (name, is_stranger) in callers {
            // The order is the same for all names of a range.
            if orders
                .as_ref()
                .is_none_or(|(known, _)| *known != range(&name))
            {
                let of = |side| Order::of(side, &self.list, &self.tree, Some(name.len()));
                orders = Some((range(&name), [0, 1].map(of)));
            }
            let caller = self.caller(&name)?;
            let Some((_, orders)) = &orders else {
                continue;
            };
            let walk = self.walk(orders, Some(&caller), wanted);
            let regions = walk.regions(budget)?;
            if !regions.is_empty() {
                found.push(Named {
                    name,
                    is_stranger,
                    regions,
                });
            }
        }
        Ok(found)
    }

    /// The lengths of names from which on a pattern with `${username}` decides before another one.
    fn lengths(&self) -> Vec<usize> {
        let lengths = |is_template: bool| -> BTreeSet<usize> {
            let patterns = self.list.iter();
            let patterns = patterns.filter(|pattern| pattern.is_template == is_template);
            patterns.map(|pattern| pattern.text.len()).collect()
        };
        let plain = lengths(false);
        let mut begins = BTreeSet::new();
        for template in lengths(true) {
            let begin = |plain: &usize| (plain + TEMPLATE.len() + 1).checked_sub(template);
            let begin = plain.iter().filter_map(begin);
            begins.extend(begin.filter(|begin| (2..=LONGEST).contains(begin)));
        }
        begins.into_iter().collect()
    }
}

/// Returns true if a part of some repository may be called so.
pub(super) fn is_part(name: &str) -> bool {
    !name.contains('/') && Repository::parse_name(name).is_ok()
}

/// Returns false for a component that no repository has.
fn is_reachable(component: &Component) -> bool {
    match component {
        Component::Name(name) => is_part(name),
        Component::Rest | Component::Username | Component::Matching(_) => true,
    }
}

/// The policy that grants everything to everybody with a credential.
fn open() -> Option<Policy> {
    let group = PolicyGroup {
        default_policy: ACTIONS.map(|action| action.name().to_owned()).to_vec(),
        ..PolicyGroup::default()
    };
    let control = AccessControl {
        repositories: BTreeMap::from([("**".to_owned(), group)]),
        ..AccessControl::default()
    };
    Policy::compile(&control, "", &mut Diagnostics::default())
}
