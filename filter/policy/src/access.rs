//! Who may do something, and what somebody may do: rules, without the conditions being evaluated.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use registry_auth_engine::authz::{Named, Policy, RuleView};

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
        formatter.write_str(&self.place)?;
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
    policy
        .rules()
        .into_iter()
        .filter(concerns)
        .map(Granted::of)
        .collect()
}

#[cfg(test)]
mod tests {
    use registry_auth_engine::engine::{Engine, Principal, Situation};
    use registry_auth_engine::{RequestHead, Role, UnixTime, compile, config};
    use serde_json::{Map, json};

    use super::*;

    const USERS: [&str; 4] = ["ann", "ben", "t", "zoe"];
    const GROUPS: [&str; 2] = ["ops", "dev"];
    const REPOSITORIES: [&str; 6] = ["ann/x", "t/ann", "t/ben/y", "t/zoe", "other", "t"];
    const PATTERNS: [&str; 8] = [
        "**",
        "t/**",
        "t/ann",
        "t/${username}/**",
        "${username}/**",
        "t/${username}",
        "other",
        "*/*",
    ];
    const ACTIONS: [&str; 2] = ["read", "delete"];

    /// Numbers that are the same each time (Knuth's MMIX).
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).unwrap() % limit
        }

        fn some(&mut self, all: &[&str]) -> Vec<String> {
            let all = all.iter().filter(|_| self.below(2) == 0);
            all.map(|text| (*text).to_owned()).collect()
        }

        fn actions(&mut self, odds: usize) -> Vec<String> {
            if self.below(odds) == 0 {
                self.some(&ACTIONS)
            } else {
                Vec::new()
            }
        }
    }

    fn engine(random: &mut Random) -> Engine {
        let mut repositories = Map::new();
        for pattern in random.some(&PATTERNS) {
            let entry = json!({
                "users": random.some(&USERS), "groups": random.some(&GROUPS), "actions": random.some(&ACTIONS),
            });
            let group = json!({
                "policies": [entry], "defaultPolicy": random.actions(3), "anonymousPolicy": random.actions(4),
            });
            repositories.insert(pattern, group);
        }
        let admin = json!({ "users": ["zoe"], "groups": ["ops"], "actions": random.actions(3) });
        let oidc = json!([{ "issuer": "https://i.example", "audiences": ["a"], "cluster": "i" }]);
        let document = json!({ "http": {
            "auth": { "bearer": { "oidc": oidc } },
            "accessControl": { "repositories": repositories, "adminPolicy": admin },
        } });
        let (role, mut diagnostics) = config::decode_value(document);
        let Role::Filter(document) = role else {
            panic!("{diagnostics:?}")
        };
        compile(&document, &mut diagnostics).unwrap().engine
    }

    fn may(engine: &Engine, principal: &Principal, repository: &str, action: &str) -> bool {
        let (method, path) = match action {
            "read" => ("GET", format!("/v2/{repository}/tags/list")),
            _ => ("DELETE", format!("/v2/{repository}/manifests/v1")),
        };
        let head = RequestHead {
            method: method.as_bytes(),
            path: path.as_bytes(),
            ..RequestHead::default()
        };
        let situation = Situation {
            now: UnixTime::from_secs(1_800_000_000),
            tags_exist: None,
        };
        let report = engine.simulate(principal, &head, situation);
        report.outcome.is_granted()
    }

    /// What the answer says of a user of these groups.
    fn says(answer: &Answer, user: Option<&str>, groups: &[String]) -> bool {
        let mut apart = answer.apart.iter();
        let is_apart = apart.any(|(name, _)| Some(name.as_str()) == user);
        answer.granted.iter().any(|(who, _)| match who {
            Who::Anybody => !is_apart,
            Who::Authenticated => user.is_some() && !is_apart,
            Who::Group(group) => groups.contains(group) && !is_apart,
            Who::User(name) => user == Some(name),
            Who::Member(name, group) => user == Some(name) && groups.contains(group),
        })
    }

    #[test]
    fn who_and_what_say_what_is_decided() {
        let mut random = Random(7);
        let mut counts = [0, 0];
        for _ in 0..500 {
            let engine = engine(&mut random);
            let policy = engine.policy().unwrap();
            for repository in REPOSITORIES {
                let action = ACTIONS[random.below(2)];
                let answer = who(policy, repository, action);
                let user = USERS[random.below(USERS.len())];
                let groups = random.some(&GROUPS);
                let principal = Principal::User {
                    name: user.to_owned(),
                    groups: groups.clone(),
                };
                let anonymous = (Principal::Anonymous, None, Vec::new());
                for (principal, user, groups) in [(principal, Some(user), groups), anonymous] {
                    let expected = may(&engine, &principal, repository, action);
                    let asked = format!("{user:?} {groups:?} {action} {repository}");
                    assert_eq!(
                        says(&answer, user, &groups),
                        expected,
                        "{asked}: {answer:#?}"
                    );
                    // Of the rules that concern the caller those of the deciding pattern count.
                    let deciding = policy.deciding(repository, user);
                    let by_what = what(policy, user, &groups).iter().any(|rule| {
                        let counts = rule.pattern.is_none() || rule.pattern == deciding;
                        counts && rule.actions.contains(&action)
                    });
                    assert_eq!(by_what, expected, "{asked}");
                    counts[usize::from(expected)] += 1;
                }
            }
        }
        assert!(counts.iter().all(|count| *count > 1_000), "{counts:?}");
    }
}
