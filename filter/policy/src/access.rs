//! Who may do something, and what somebody may do: rules, without the conditions being evaluated.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use registry_auth_engine::authz::{Named, Policy, RuleView, named};
use registry_auth_engine::route::Repository;

/// Somebody who may do what was asked about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Also without a credential.
    Anybody,
    /// Everybody with a credential.
    Authenticated,
    /// A user.
    User(String),
    /// The users of a group.
    Group(String),
    /// A user, if it belongs to a group.
    Member(String, String),
}

/// Who may do what was asked about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Each with the rule that says so.
    pub granted: Vec<(Who, Granted)>,
    /// Users for whom another pattern decides, because a part of the repository has their name: of
    /// those only what says `user` is true.
    pub apart: Vec<(String, Arc<str>)>,
}

/// A grant: the rule, and its conditions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Granted {
    /// The pattern; none for `adminPolicy`.
    pub pattern: Option<Arc<str>>,
    /// The place of the rule below it.
    pub place: String,
    /// The rule's `name` in the configuration.
    pub name: Option<Arc<str>>,
    /// What it grants.
    pub actions: Vec<&'static str>,
    /// What has to be true.
    pub conditions: Vec<Arc<str>>,
}

impl fmt::Display for Who {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anybody => formatter.write_str("anybody"),
            Self::Authenticated => formatter.write_str("everybody with a credential"),
            Self::User(name) => write!(formatter, "user  {name}"),
            Self::Group(name) => write!(formatter, "group {name}"),
            Self::Member(user, group) => write!(formatter, "user  {user} in group {group}"),
        }
    }
}

impl Granted {
    fn of(rule: RuleView) -> Self {
        Self {
            pattern: rule.pattern,
            place: rule.place,
            name: rule.name,
            actions: rule.actions,
            conditions: rule.conditions,
        }
    }
}

/// The rule in words: `acme/app/** policies[0], if ...`.
impl fmt::Display for Granted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(pattern) = &self.pattern {
            write!(formatter, "{pattern} ")?;
        }
        formatter.write_str(&named(&self.place, self.name.as_deref()))?;
        for (index, condition) in self.conditions.iter().enumerate() {
            let word = if index == 0 { "if" } else { "and" };
            write!(formatter, ", {word} {condition}")?;
        }
        Ok(())
    }
}

/// Returns who may do `action` in a repository. Users are those that some rule names, and those
/// after whom a part of the repository is named.
#[must_use]
pub fn who(policy: &Policy, repository: &str, action: &str) -> Answer {
    let mut found = BTreeSet::new();
    let rules = policy.rules();
    let grants = |rule: &&RuleView| rule.actions.contains(&action);
    // Whoever has no name that matters here.
    let plain = policy.deciding(repository, None);
    let of = |pattern: &Option<Arc<str>>, rule: &&RuleView| {
        rule.pattern.is_none() || rule.pattern == *pattern
    };
    for rule in rules.iter().filter(grants).filter(|rule| of(&plain, rule)) {
        let granted = || Granted::of((*rule).clone());
        match &rule.names {
            Named::Anybody => {
                found.insert((Who::Anybody, granted()));
            }
            Named::Authenticated => {
                found.insert((Who::Authenticated, granted()));
            }
            Named::Some { groups, .. } => {
                found.extend(
                    groups
                        .iter()
                        .map(|group| (Who::Group(group.clone()), granted())),
                );
            }
        }
    }
    let mut apart = Vec::new();
    for user in users(&rules, repository) {
        let deciding = policy.deciding(repository, Some(&user));
        // What is said of everybody and of groups is not true of this user.
        let is_apart = deciding != plain;
        for rule in rules
            .iter()
            .filter(grants)
            .filter(|rule| of(&deciding, rule))
        {
            let granted = || Granted::of(rule.clone());
            match &rule.names {
                Named::Some { users, groups } => {
                    if users.contains(&user) {
                        found.insert((Who::User(user.clone()), granted()));
                    }
                    for group in groups.iter().filter(|_| is_apart) {
                        let who = Who::Member(user.clone(), group.clone());
                        found.insert((who, granted()));
                    }
                }
                Named::Authenticated | Named::Anybody if is_apart => {
                    found.insert((Who::User(user.clone()), granted()));
                }
                Named::Authenticated | Named::Anybody => {}
            }
        }
        if let Some(pattern) = deciding.filter(|_| is_apart) {
            apart.push((user, pattern));
        }
    }
    Answer {
        granted: found.into_iter().collect(),
        apart,
    }
}

/// The users that some rule names, and the names in a repository.
fn users(rules: &[RuleView], repository: &str) -> BTreeSet<String> {
    let named = rules.iter().flat_map(|rule| match &rule.names {
        Named::Some { users, .. } => users.clone(),
        Named::Authenticated | Named::Anybody => Vec::new(),
    });
    let parts = repository.split('/').map(str::to_owned);
    named.chain(parts).collect()
}

/// Returns the rules that grant something to a user of these groups, or to an anonymous caller, in
/// the order in which their patterns decide. A rule of a longer pattern hides those of shorter ones
/// in its repositories.
#[must_use]
pub fn what(policy: &Policy, user: Option<&str>, groups: &[String]) -> Vec<Granted> {
    let concerns = |rule: &RuleView| match &rule.names {
        Named::Anybody => true,
        Named::Authenticated => user.is_some(),
        Named::Some {
            users,
            groups: named,
        } => user.is_some_and(|user| {
            users.iter().any(|name| name == user)
                || groups.iter().any(|group| named.contains(group))
        }),
    };
    let mut found: Vec<Granted> = policy
        .rules()
        .into_iter()
        .filter(concerns)
        .filter(|rule| {
            rule.pattern
                .as_deref()
                .is_none_or(|text| may_decide(text, user))
        })
        .map(Granted::of)
        .collect();
    let length = |granted: &Granted| granted.pattern.as_deref().map(|text| expanded(text, user));
    found.sort_by_key(|granted| Reverse(length(granted)));
    found
}

/// Returns the patterns that give a caller nothing where a shorter one of `granted` seems to give
/// something: of the patterns that match a name the longest decides alone.
#[must_use]
pub fn closed(policy: &Policy, user: Option<&str>, granted: &[Granted]) -> Vec<Arc<str>> {
    let patterns = policy.patterns_in_order().into_iter().map(|view| view.text);
    let listed: Vec<&Arc<str>> = granted
        .iter()
        .filter_map(|rule| rule.pattern.as_ref())
        .collect();
    let mut closed: Vec<Arc<str>> = patterns
        .filter(|text| may_decide(text, user) && !listed.contains(&text))
        .filter(|text| {
            let is_shorter = |other: &&&Arc<str>| expanded(other, user) <= expanded(text, user);
            let mut shorter = listed.iter().filter(is_shorter);
            shorter.any(|other| begin_alike(other, text))
        })
        .collect();
    closed.sort_by_key(|text| Reverse(expanded(text, user)));
    closed
}

/// The placeholder for the caller's name.
const TEMPLATE: &str = "${username}";

/// A pattern with the caller's name decides for callers only whose name is a component.
fn may_decide(pattern: &str, user: Option<&str>) -> bool {
    let is_component = |user: &str| !user.contains('/') && Repository::parse_name(user).is_ok();
    !pattern.contains(TEMPLATE) || user.is_some_and(is_component)
}

/// The length of a pattern with the caller's name in its place, bytes: the longest decides.
fn expanded(pattern: &str, user: Option<&str>) -> usize {
    let placed = user.filter(|_| pattern.contains(TEMPLATE));
    placed.map_or(pattern.len(), |user| {
        pattern.len() + user.len() - TEMPLATE.len()
    })
}

/// False if what is before the first wildcard already differs.
fn begin_alike(one: &str, other: &str) -> bool {
    let constant = |text: &str| {
        let end = text
            .find(['*', '?', '[', '{', '\\', '$'])
            .unwrap_or(text.len());
        let begin = text.get(..end).unwrap_or_default();
        // `a/**` matches `a`.
        begin.trim_end_matches('/').to_owned()
    };
    let (one, other) = (constant(one), constant(other));
    one.starts_with(&other) || other.starts_with(&one)
}

#[cfg(test)]
mod tests;
