//! Access control as zot evaluates it: the deciding pattern's group, then the admin policy.

mod compiler;
mod record;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use registry_auth_cel::Members;

use crate::authn::identity::{Identity, User};
use crate::config::{Diagnostics, raw};
use crate::reason::Reason;

use compiler::Compiler;

use super::action::Actions;
use super::condition::{ConditionResult, Conditions, Expressions};
use super::index::PatternIndex;
use super::pattern::sequences;
use super::req::{Member, Request, RequestFacts};
use super::rule::{Clause, Decision, Label, Permission, Rule};
use super::view::{Named, PatternView, RuleView};
use crate::trace::{RuleOutcome, Step};

/// A compiled `http.accessControl`.
#[derive(Debug)]
pub struct Policy {
    repositories: PatternIndex<Group>,
    admin: Option<Entry>,
    groups: BTreeMap<String, Vec<String>>,
    /// The members of `req` that some condition may read.
    read: Vec<Member>,
    /// The members of `req.claims` that some condition may read.
    claims_read: Members,
    /// The path of the first conditions that may read `req.client`.
    client_readers: Option<String>,
}

/// The policies for the repositories of one pattern.
#[derive(Debug)]
struct Group {
    entries: Vec<Entry>,
    default: Actions,
    anonymous: Actions,
}

/// A grant to named users and groups.
#[derive(Debug)]
struct Entry {
    name: Option<Arc<str>>,
    // Mostly short: to compare is cheaper than to hash.
    users: BTreeSet<String>,
    groups: BTreeSet<String>,
    actions: Actions,
    conditions: Conditions,
}

impl Policy {
    /// Compiles the access control at `path`; `None` when something in it is an error. An empty one
    /// grants nothing.
    #[must_use]
    pub fn compile(
        raw: &raw::AccessControl,
        path: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<Self> {
        Compiler {
            expressions: Expressions::default(),
            client_readers: None,
            diagnostics,
        }
        .policy(raw, path)
    }

    /// Decides one permission.
    ///
    /// Only the group of the deciding pattern applies; in it entries that name the user, then
    /// entries that name one of the user's groups, then `defaultPolicy` (with a credential) and
    /// `anonymousPolicy` (for all callers), then `adminPolicy`.
    #[must_use]
    pub fn decide(
        &self,
        identity: &Identity,
        permission: &Permission<'_>,
        facts: &RequestFacts<'_>,
    ) -> Decision {
        let admin = self.is_admin(identity);
        let request = Request {
            identity,
            permission,
            facts,
            admin,
            read: &self.read,
            made: OnceCell::new(),
        };
        let mut message = None;
        let user = identity.user().map(User::name);
        let found = self.repositories.find(permission.repository, user);
        facts.recorder().record(|| Step::Pattern {
            text: found.map(|(pattern, _)| Arc::clone(pattern.text())),
        });
        if let Some((pattern, group)) = found
            && let Some(label) = group.grants(&request, &mut message)
        {
            return Decision::Granted(label.rule(Some(pattern.text().clone())));
        }
        if let Some(admin) = &self.admin {
            let label = admin.label(Clause::Admin);
            if request.considers(label, request.admin)
                && admin.grants(label, &request, &mut message)
            {
                return Decision::Granted(label.rule(None));
            }
        }
        facts.recorder().otherwise(Reason::PolicyDenied, || {
            let action = permission.action.name();
            match found {
                Some((pattern, _)) => {
                    format!("no rule of \"{}\" grants `{action}`", pattern.text())
                }
                None => "no pattern matches the repository".to_owned(),
            }
        });
        Decision::Refused { message }
    }

    /// Returns true if the admin policy names the caller, whatever its actions and conditions.
    #[must_use]
    pub fn is_admin(&self, identity: &Identity) -> bool {
        self.admin
            .as_ref()
            .is_some_and(|admin| admin.names_user(identity) || admin.names_group(identity))
    }

    /// The rule that lets administrators see everything.
    pub(crate) fn admin_rule(&self) -> Rule {
        let label = self.admin.as_ref().map(|admin| admin.label(Clause::Admin));
        label.unwrap_or(Label::of(Clause::Admin)).rule(None)
    }

    /// Returns true if anonymous callers are granted something.
    #[must_use]
    pub fn opens_to_anonymous(&self) -> bool {
        self.repositories
            .of_anybody()
            .any(|group| !group.anonymous.is_empty())
    }

    /// Returns true if everything that is granted is granted to anonymous callers.
    #[must_use]
    pub fn is_anonymous_only(&self) -> bool {
        let open = |group: &Group| group.entries.is_empty() && group.default.is_empty();
        self.admin.is_none() && self.opens_to_anonymous() && self.repositories.values().all(open)
    }

    /// Returns true if a condition may read the connection: `req.client` or `req.tls`.
    #[must_use]
    pub fn reads_connection(&self) -> bool {
        self.read.contains(&Member::Client) || self.read.contains(&Member::Tls)
    }

    /// The JSON path of the first conditions that may read `req.client`, if there are any.
    #[must_use]
    pub fn client_readers(&self) -> Option<&str> {
        self.client_readers.as_deref()
    }

    /// Returns true if a condition may read request headers: `req.client` or `req.userAgent`.
    #[must_use]
    pub fn reads_headers(&self) -> bool {
        self.read.contains(&Member::Client) || self.read.contains(&Member::UserAgent)
    }

    /// Returns true if a condition may read `req.time`.
    pub(crate) fn reads_time(&self) -> bool {
        self.read.contains(&Member::Time)
    }

    /// Returns true if a condition may read `req.claims`.
    #[must_use]
    pub fn reads_claims(&self) -> bool {
        self.read.contains(&Member::Claims)
    }

    /// The claims that a condition may read, as members of `req.claims`.
    #[must_use]
    pub const fn claims_read(&self) -> &Members {
        &self.claims_read
    }

    /// The text of the pattern that decides for a repository when a user asks.
    #[must_use]
    pub fn deciding(&self, repository: &str, user: Option<&str>) -> Option<Arc<str>> {
        let (pattern, _) = self.repositories.find(repository, user)?;
        Some(Arc::clone(pattern.text()))
    }

    /// The rules that grant something, those of the admin policy last.
    #[must_use]
    pub fn rules(&self) -> Vec<RuleView> {
        let mut rules = Vec::new();
        for (pattern, group) in self.repositories.entries() {
            let pattern = Some(Arc::clone(pattern.text()));
            let mut add = |label: Label<'_>, names, actions: Actions, conditions: &Conditions| {
                if !actions.is_empty() {
                    let pattern = pattern.clone();
                    rules.push(RuleView::of(pattern, label, names, actions, conditions));
                }
            };
            for (index, entry) in group.entries.iter().enumerate() {
                let label = entry.label(Clause::Entry(index));
                add(label, entry.names(), entry.actions, &entry.conditions);
            }
            let none = Conditions::default();
            let (default, anonymous) = (Label::of(Clause::Default), Label::of(Clause::Anonymous));
            add(default, Named::Authenticated, group.default, &none);
            add(anonymous, Named::Anybody, group.anonymous, &none);
        }
        rules.extend(self.admin.as_ref().map(|entry| {
            let (names, conditions) = (entry.names(), &entry.conditions);
            RuleView::of(
                None,
                entry.label(Clause::Admin),
                names,
                entry.actions,
                conditions,
            )
        }));
        rules
    }

    /// All patterns, those without rules too, in the order in which they decide; those with
    /// `${username}` last.
    #[must_use]
    pub fn patterns_in_order(&self) -> Vec<PatternView> {
        let patterns = self.repositories.entries().map(|(pattern, _)| pattern);
        patterns
            .map(|pattern| PatternView {
                text: Arc::clone(pattern.text()),
                wildcards: pattern.wildcards(),
                is_template: pattern.is_template(),
                // The pattern was compiled before.
                sequences: sequences(pattern.text()).unwrap_or_default(),
            })
            .collect()
    }

    /// The texts of the patterns that match a repository for a user, the deciding one first: the
    /// others are hidden by it. Takes time with the number of patterns.
    #[must_use]
    pub fn patterns(&self, repository: &str, user: Option<&str>) -> Vec<Arc<str>> {
        let all = self.repositories.all(repository, user);
        all.into_iter()
            .map(|pattern| Arc::clone(pattern.text()))
            .collect()
    }

    /// The configured groups of a user, for callers whose credential has none (client
    /// certificates).
    #[must_use]
    pub fn groups_of(&self, user: &str) -> Vec<String> {
        let member = self
            .groups
            .iter()
            .filter(|(_, users)| users.iter().any(|name| name == user));
        member.map(|(group, _)| group.clone()).collect()
    }
}

impl Group {
    fn grants(&self, request: &Request<'_>, message: &mut Option<Arc<str>>) -> Option<Label<'_>> {
        for names in [Entry::names_user, Entry::names_group] {
            for (index, entry) in self.entries.iter().enumerate() {
                let label = entry.label(Clause::Entry(index));
                if names(entry, request.identity) && entry.grants(label, request, message) {
                    return Some(label);
                }
            }
        }
        if request.facts.recorder().is_on() {
            request.record_strangers(&self.entries);
        }
        let action = request.permission.action;
        let may = self.default.contains(action);
        let label = Label::of(Clause::Default);
        if !request.identity.is_anonymous() && request.gives(label, may) {
            return Some(label);
        }
        let may = self.anonymous.contains(action);
        let label = Label::of(Clause::Anonymous);
        request.gives(label, may).then_some(label)
    }
}

impl Entry {
    const fn label(&self, clause: Clause) -> Label<'_> {
        Label {
            clause,
            name: self.name.as_ref(),
        }
    }

    fn names(&self) -> Named {
        let list = |names: &BTreeSet<String>| names.iter().cloned().collect();
        Named::Some {
            users: list(&self.users),
            groups: list(&self.groups),
        }
    }

    fn names_user(&self, identity: &Identity) -> bool {
        identity
            .user()
            .is_some_and(|user| self.users.contains(user.name()))
    }

    fn names_group(&self, identity: &Identity) -> bool {
        identity
            .groups()
            .iter()
            .any(|group| self.groups.contains(group))
    }

    /// Returns true if actions and conditions allow the request. The message of a condition that is
    /// false is put into `message`.
    fn grants(
        &self,
        label: Label<'_>,
        request: &Request<'_>,
        message: &mut Option<Arc<str>>,
    ) -> bool {
        if !self.actions.contains(request.permission.action) {
            request.record(label, RuleOutcome::NotThisAction);
            return false;
        }
        let outcome = match self.conditions.check(request) {
            ConditionResult::True => RuleOutcome::Granted,
            ConditionResult::False(said) => {
                if said.is_some() {
                    *message = said;
                }
                RuleOutcome::Condition
            }
            ConditionResult::Error => RuleOutcome::Condition,
        };
        request.record(label, outcome);
        outcome == RuleOutcome::Granted
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
