//! What the rules of one pattern give to whom. Conditions are compared as texts.

use std::collections::{BTreeMap, BTreeSet};

use registry_auth_engine::access::Action;
use registry_auth_engine::authz::{Named, RuleView};
use registry_auth_engine::config::raw;

use super::cel::normal;

/// The actions, in the order of rights.
pub(super) const ACTIONS: [Action; 4] =
    [Action::Read, Action::Create, Action::Update, Action::Delete];

/// Whether one action is granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Access {
    /// It is not.
    #[default]
    No,
    /// If the conditions of one of these are true.
    If(BTreeSet<Vec<String>>),
    /// It is.
    Yes,
}

/// Each action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rights(BTreeMap<Action, Access>);

/// What the rules of one pattern, or of the admin policy, give to whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) anybody: Rights,
    pub(super) authenticated: Rights,
    pub(super) users: BTreeMap<String, Rights>,
    pub(super) groups: BTreeMap<String, Rights>,
}

impl Access {
    /// Returns what two rules give together.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::No, other) | (other, Self::No) => other,
            (Self::If(mut one), Self::If(other)) => {
                one.extend(other);
                Self::If(one)
            }
        }
    }
}

impl Rights {
    /// The right to one action.
    pub(super) fn access(&self, action: Action) -> Access {
        self.0.get(&action).cloned().unwrap_or_default()
    }

    /// Returns what two rules give together.
    pub(super) fn or(mut self, other: &Self) -> Self {
        for (action, access) in &other.0 {
            let known = self.0.entry(*action).or_default();
            *known = std::mem::take(known).or(access.clone());
        }
        self
    }

    fn add(&mut self, rule: &RuleView) {
        let conditions: Vec<String> = rule.conditions.iter().map(|text| normal(text)).collect();
        let access = if conditions.is_empty() {
            Access::Yes
        } else {
            Access::If(BTreeSet::from([conditions]))
        };
        let actions = rule
            .actions
            .iter()
            .filter_map(|name| Action::from_name(name));
        let rights = actions.map(|action| (action, access.clone())).collect();
        *self = std::mem::take(self).or(&Self(rights));
    }
}

impl Rules {
    /// Adds one rule.
    pub(super) fn add(&mut self, rule: &RuleView) {
        match &rule.names {
            Named::Anybody => self.anybody.add(rule),
            Named::Authenticated => self.authenticated.add(rule),
            Named::Some { users, groups } => {
                for user in users {
                    self.users.entry(user.clone()).or_default().add(rule);
                }
                for group in groups {
                    self.groups.entry(group.clone()).or_default().add(rule);
                }
            }
        }
    }

    /// What a caller with a credential gets who is named `user` and is in these groups.
    pub(super) fn of(&self, user: Option<&str>, groups: &[String]) -> Rights {
        let named = user.and_then(|user| self.users.get(user));
        let of_groups = groups.iter().filter_map(|group| self.groups.get(group));
        let all = self.authenticated.clone().or(&self.anybody);
        named.into_iter().chain(of_groups).fold(all, Rights::or)
    }
}

/// The users that `accessControl.groups` lists, with their groups.
pub(super) fn members(control: Option<&raw::AccessControl>) -> BTreeMap<String, Vec<String>> {
    let mut members: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (group, users) in control.iter().flat_map(|control| &control.groups) {
        for user in users {
            let groups = members.entry(user.clone()).or_default();
            if !groups.contains(group) {
                groups.push(group.clone());
            }
        }
    }
    members
}
