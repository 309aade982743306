//! The differences between two policies.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use registry_auth_engine::access::Action;

use super::explore::{BUDGET, Budget, Regions, Wanted};
use super::merged::Merged;
use super::patterns::{Patterns, is_part};
use super::region::{ADMIN, Deciding, Region, Site, rights};
use super::rights::{ACTIONS, Access, Rights, Rules, members};
use super::verdict::Found;
use super::witness::asked;
use super::{DiffError, Difference, Side, Who, Witness, show};

/// What it costs to compare the rights of one caller, in nodes.
const COST: usize = 8;

/// Members of configured groups, by policy.
type Members = [BTreeMap<String, Vec<String>>; 2];

struct Comparison<'a> {
    sides: [Side<'a>; 2],
    members: Members,
    /// A caller whom no rule names, and who is no part of a repository.
    stranger: String,
    /// Which names are of interest: all, if the admin policies differ.
    wanted: Wanted,
    found: Merged,
    budget: Budget,
}

/// Returns all differences, each with its witness.
pub(super) fn differences(sides: [Side<'_>; 2]) -> Result<Vec<Difference>, DiffError> {
    let mut patterns = Patterns::of(sides)?;
    let members = sides.map(|side| members(side.document.access_control.as_ref()));
    let moved = moved(&members);
    patterns.mark(&moved);
    let [old, new] = &patterns.admin;
    let mut of_admin = old.groups.keys().chain(new.groups.keys());
    let is_admin_changed = old != new || of_admin.any(|group| moved.contains(group));
    let mut comparison = Comparison {
        sides,
        members,
        stranger: stranger(&patterns),
        wanted: Wanted {
            // What administrators may do in addition depends on what else decides there.
            unchanged: is_admin_changed,
            templates: false,
        },
        found: Merged::default(),
        budget: Budget(BUDGET),
    };
    let regions = patterns.plain(comparison.wanted, &mut comparison.budget)?;
    comparison.plain(&mut patterns, &regions)?;
    if patterns.has_templates() {
        comparison.named(&mut patterns)?;
    }
    Ok(comparison.found.into_differences())
}

/// The groups of which somebody has become a member, or is none any more.
fn moved([old, new]: &Members) -> BTreeSet<String> {
    let pairs = |members: &BTreeMap<String, Vec<String>>| -> BTreeSet<(String, String)> {
        let members = members.iter();
        let pairs = members
            .flat_map(|(user, groups)| groups.iter().map(|group| (group.clone(), user.clone())));
        pairs.collect()
    };
    let (old, new) = (pairs(old), pairs(new));
    let moved = old.symmetric_difference(&new);
    moved.map(|(group, _)| group.clone()).collect()
}

/// All rules of both policies.
fn rules(patterns: &Patterns) -> impl Iterator<Item = &Rules> {
    patterns.rules.iter().flatten().chain(&patterns.admin)
}

fn stranger(patterns: &Patterns) -> String {
    let named: BTreeSet<&String> = rules(patterns)
        .flat_map(|rules| rules.users.keys())
        .collect();
    // No part of a repository is called so.
    let mut name = "somebody@example.com".to_owned();
    while named.contains(&name) {
        name.insert(0, '+');
    }
    name
}

impl Comparison<'_> {
    /// Callers after whom no part of a repository is named.
    fn plain(&mut self, patterns: &mut Patterns, regions: &Regions) -> Result<(), DiffError> {
        let mut of_users: HashMap<String, Regions> = HashMap::new();
        for (deciding, repository) in regions {
            let (said, users) = {
                let region = Region::of(patterns, *deciding, repository);
                (self.strangers(region)?, self.users(region))
            };
            for user in users {
                let region = Region::of(patterns, *deciding, repository);
                if self.is_decided_for(region, &user) {
                    self.user(region, &user, &said)?;
                    continue;
                }
                // A pattern with `${username}` decides for this user: another name is needed, if
                // there is one.
                let own = match of_users.entry(user.clone()) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(empty) => {
                        empty.insert(patterns.of_caller(&user, self.wanted, &mut self.budget)?)
                    }
                };
                if let Some(repository) = own.get(deciding) {
                    self.user(Region::of(patterns, *deciding, repository), &user, &said)?;
                }
            }
        }
        Ok(())
    }

    /// Callers after whom a part of the repository is named.
    fn named(&mut self, patterns: &mut Patterns) -> Result<(), DiffError> {
        let named = rules(patterns).flat_map(|rules| rules.users.keys());
        let named: BTreeSet<String> = named.cloned().chain(self.moved()).collect();
        let named = named.iter().map(String::as_str);
        let named = named.filter(|name| is_part(name)).collect();
        let wanted = Wanted {
            templates: true,
            ..self.wanted
        };
        let mut callers = patterns.callers(&named, wanted, &mut self.budget)?;
        callers.sort_by_key(|caller| !caller.is_stranger);
        let mut said: BTreeMap<Deciding, BTreeSet<Action>> = BTreeMap::new();
        for caller in &callers {
            for (deciding, repository) in &caller.regions {
                let region = Region::of(patterns, *deciding, repository);
                if !caller.is_stranger {
                    self.named_user(region, &caller.name, said.get(deciding))?;
                    continue;
                }
                let none = BTreeSet::new();
                let found = self.caller(region, &Who::Username, &caller.name, &[], &none)?;
                for group in self.groups(region) {
                    let who = Who::Member(group.clone());
                    self.caller(region, &who, &caller.name, &[group], &found)?;
                }
                said.entry(*deciding).or_default().extend(found);
            }
        }
        Ok(())
    }

    /// A user whom some rule names, and after whom a part of the repository is named. `said` is
    /// what differs for others of whom that is true, if there may be others.
    fn named_user(
        &mut self,
        region: Region<'_>,
        name: &str,
        said: Option<&BTreeSet<Action>>,
    ) -> Result<(), DiffError> {
        let none = BTreeSet::new();
        let found = self.user(region, name, said.unwrap_or(&none))?;
        // What groups give to others they give to this user too.
        let groups = self.groups(region).into_iter().filter(|_| said.is_none());
        for group in groups {
            let who = Who::UserInGroup(name.to_owned(), group.clone());
            self.caller(region, &who, name, &[group], &found)?;
        }
        Ok(())
    }

    /// Callers whom no rule names, and groups. Returns what differs for everybody with a
    /// credential.
    fn strangers(&mut self, region: Region<'_>) -> Result<BTreeSet<Action>, DiffError> {
        let anybody = region.rules().map(|rules| {
            let rights = rules.map(|rules| rules.anybody.clone());
            rights.unwrap_or_default()
        });
        let none = BTreeSet::new();
        let said = self.add(region, &Who::Anybody, (None, &[]), &anybody, &none)?;
        let name = self.stranger.clone();
        let said = self.caller(region, &Who::Authenticated, &name, &[], &said)?;
        for group in self.groups(region) {
            self.caller(region, &Who::Group(group.clone()), &name, &[group], &said)?;
        }
        Ok(said)
    }

    /// The groups that rules of a region name.
    fn groups(&self, region: Region<'_>) -> BTreeSet<String> {
        let admin = region.patterns.admin.iter();
        let admin = admin.filter(|_| self.wanted.unchanged);
        let rules = region.rules().into_iter().flatten().chain(admin);
        rules
            .flat_map(|rules| rules.groups.keys().cloned())
            .collect()
    }

    /// The users whom the rules of a region name, or whose groups have changed.
    fn users(&self, region: Region<'_>) -> BTreeSet<String> {
        let admin = region
            .patterns
            .admin
            .iter()
            .filter(|_| self.wanted.unchanged);
        let rules = region.rules().into_iter().flatten().chain(admin);
        let named = rules.flat_map(|rules| rules.users.keys().cloned());
        named.chain(self.moved()).collect()
    }

    /// The users whose configured groups have changed.
    fn moved(&self) -> impl Iterator<Item = String> {
        let [old, new] = &self.members;
        let users = old.keys().chain(new.keys());
        users
            .filter(|user| old.get(*user) != new.get(*user))
            .cloned()
    }

    /// Returns true if the patterns of a region decide in its repository when `user` asks.
    fn is_decided_for(&self, region: Region<'_>, user: &str) -> bool {
        let mut parts = region.repository.split('/');
        if !region.patterns.has_templates() || !parts.any(|part| part == user) {
            return true;
        }
        let deciding = self.sides.map(|side| match side.engine.policy() {
            Some(policy) => policy.deciding(region.repository, Some(user)),
            None => Some(Arc::from("**")),
        });
        deciding.each_ref().map(Option::as_deref) == region.texts()
    }

    /// A user whom some rule names. Actions that are `said` of everybody are left out. Returns
    /// `said` and the actions that differ.
    fn user(
        &mut self,
        region: Region<'_>,
        user: &str,
        said: &BTreeSet<Action>,
    ) -> Result<BTreeSet<Action>, DiffError> {
        let said = self.caller(region, &Who::User(user.to_owned()), user, &[], said)?;
        let [old, new] = self
            .members
            .each_ref()
            .map(|members| members.get(user).cloned());
        if old != new {
            let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
            let rights = region.rights(user, [&old, &new]);
            let who = Who::Configured(user.to_owned());
            self.add(region, &who, (Some(user), &[]), &rights, &said)?;
        }
        Ok(said)
    }

    /// A caller with a name. Returns `said` and the actions that differ.
    fn caller(
        &mut self,
        region: Region<'_>,
        who: &Who,
        name: &str,
        groups: &[String],
        said: &BTreeSet<Action>,
    ) -> Result<BTreeSet<Action>, DiffError> {
        let rights = region.rights(name, [groups, groups]);
        let mut all = self.add(region, who, (Some(name), groups), &rights, said)?;
        all.extend(said);
        Ok(all)
    }

    /// Adds what differs, except for actions of which it is `said` of others. Returns all actions
    /// that differ.
    fn add(
        &mut self,
        region: Region<'_>,
        who: &Who,
        (user, groups): (Option<&str>, &[String]),
        [old, new]: &[Rights; 2],
        said: &BTreeSet<Action>,
    ) -> Result<BTreeSet<Action>, DiffError> {
        self.budget.spend(COST)?;
        let is_other = |action: &Action| old.access(*action) != new.access(*action);
        let differing: BTreeSet<Action> = ACTIONS.into_iter().filter(is_other).collect();
        for action in differing.difference(said) {
            let witness = Witness {
                user: user.map(str::to_owned),
                groups: groups.to_vec(),
                action: *action,
                repository: region.repository.to_owned(),
            };
            let granted = asked(self.sides, who, &witness);
            let found = Found::of(&old.access(*action), &new.access(*action), granted);
            let found = found.ok_or_else(|| DiffError::Unconfirmed(show::witness(&witness)))?;
            let of_admin = region
                .patterns
                .admin
                .each_ref()
                .map(|rules| rules.of(user, groups).access(*action));
            let of_rules = region
                .rules()
                .map(|rules| rights(rules, user, groups).access(*action));
            let [one, other] = &of_rules;
            let is_admin = one == other && of_admin.iter().any(|access| *access != Access::No);
            let site = if is_admin {
                Site {
                    pattern: ADMIN,
                    other: None,
                }
            } else {
                region.site()
            };
            self.found.add(who, &site, found, witness)?;
        }
        Ok(differing)
    }
}
