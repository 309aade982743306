//! Random pairs of policies: what differs for some caller and name is found, and what is found
//! differs.

use registry_auth_engine::authz::Permission;
use registry_auth_engine::engine::{Engine, Principal};
use registry_auth_engine::{RequestHead, UnixTime};
use serde_json::{Map, Value, json};

use super::tests::{Built, built};
use super::witness::asked;
use super::*;

const PAIRS: usize = 500;
const USERS: [&str; 6] = ["ann", "t", "a-longer-name", "gh/ann", "x", "zoe"];
/// Those whom no policy names.
const STRANGERS: [&str; 4] = ["ben", "u", "a-name-of-many-letters", "app"];
const GROUPS: [&str; 2] = ["ops", "dev"];
const REPOSITORIES: [&str; 18] = [
    "ann/x",
    "t/ann",
    "t/ben/y",
    "t/zoe",
    "other",
    "t",
    "x",
    "x/x",
    "t/t",
    "ann/ann",
    "ben/t/ben",
    "ann/x/ann",
    "app/t",
    "a-longer-name/x",
    "t/a-name-of-many-letters",
    "u",
    "x/app/y",
    "other/u",
];
const PATTERNS: [&str; 18] = [
    "**",
    "t/**",
    "t/ann",
    "t/${username}/**",
    "${username}/**",
    "t/${username}",
    "other",
    "*/*",
    "**/${username}",
    "{t,ann}/?*/**",
    "[a-t]*/x",
    "*/x/${username}",
    "${username}",
    "**/app/**",
    "x{,/x}",
    "a-longer-*/**",
    "**/{ben,x*}",
    "t*/*",
];
const SOME_ACTIONS: [&str; 2] = ["read", "delete"];

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

    fn some(&mut self, all: &[&str], odds: usize) -> Vec<String> {
        let all = all.iter().filter(|_| self.below(odds) == 0);
        all.map(|text| (*text).to_owned()).collect()
    }

    fn group(&mut self) -> Value {
        let mut entry = || {
            json!({
                "users": self.some(&USERS, 4), "groups": self.some(&GROUPS, 3), "actions": self.some(&SOME_ACTIONS, 2),
            })
        };
        let policies = [entry(), entry()];
        let default = if self.below(3) == 0 {
            self.some(&SOME_ACTIONS, 2)
        } else {
            Vec::new()
        };
        let anonymous = if self.below(5) == 0 {
            self.some(&SOME_ACTIONS, 2)
        } else {
            Vec::new()
        };
        json!({ "policies": policies, "defaultPolicy": default, "anonymousPolicy": anonymous })
    }

    fn control(&mut self, patterns: &[&str]) -> Map<String, Value> {
        let mut repositories = Map::new();
        for pattern in self.some(patterns, 4) {
            repositories.insert(pattern, self.group());
        }
        let mut control = Map::from_iter([("repositories".to_owned(), repositories.into())]);
        if self.below(4) == 0 {
            let admin = json!({ "users": ["zoe"], "groups": self.some(&GROUPS, 2), "actions": self.some(&SOME_ACTIONS, 2) });
            control.insert("adminPolicy".to_owned(), admin);
        }
        control.insert(
            "groups".to_owned(),
            json!({ "ops": { "users": self.some(&USERS, 4) } }),
        );
        control
    }

    /// The same with some changes, or none.
    fn changed(&mut self, control: &Map<String, Value>, patterns: &[&str]) -> Map<String, Value> {
        let mut changed = control.clone();
        for _ in 0..self.below(4) {
            let pattern = patterns[self.below(patterns.len())];
            let group = self.group();
            let repositories = changed["repositories"].as_object_mut().unwrap();
            if self.below(2) == 0 {
                repositories.remove(pattern);
            } else {
                repositories.insert(pattern.to_owned(), group);
            }
        }
        if self.below(6) == 0 {
            changed.insert(
                "groups".to_owned(),
                json!({ "ops": { "users": self.some(&USERS, 4) } }),
            );
        }
        changed
    }
}

fn permits(engine: &Engine, principal: &Principal, repository: &str, action: Action) -> bool {
    let permission = Permission {
        action,
        repository,
        reference: "",
    };
    let now = UnixTime::from_secs(0);
    engine
        .permits(principal, &permission, &RequestHead::default(), now)
        .is_granted()
}

/// Returns true if a difference says something about this caller and name.
fn is_said(who: &Who, principal: &Principal, repository: &str) -> bool {
    let (user, groups, is_configured) = match principal {
        Principal::Anonymous => return *who == Who::Anybody,
        Principal::User { name, groups } => (name, groups, true),
        Principal::Mapped { name, groups, .. } => (name, groups, false),
        Principal::Claims { .. } | Principal::Token { .. } => panic!("no claims here"),
    };
    let is_part = repository.split('/').any(|part| part == user);
    match who {
        Who::Anybody | Who::Authenticated => true,
        Who::Username => is_part,
        Who::User(name) => name == user,
        Who::Configured(name) => name == user && is_configured,
        Who::UserInGroup(name, group) => name == user && (groups.contains(group) || is_configured),
        Who::Group(group) => groups.contains(group) || is_configured,
        Who::Member(group) => is_part && (groups.contains(group) || is_configured),
    }
}

fn principals() -> Vec<Principal> {
    let mut all = vec![Principal::Anonymous];
    for name in USERS.into_iter().chain(STRANGERS) {
        for groups in [
            vec![],
            vec!["ops".to_owned()],
            vec!["dev".to_owned()],
            GROUPS.map(str::to_owned).to_vec(),
        ] {
            all.push(Principal::User {
                name: name.to_owned(),
                groups: groups.clone(),
            });
            all.push(Principal::Mapped {
                name: name.to_owned(),
                groups,
                claims: Map::new(),
            });
        }
    }
    all
}

fn compared(old: &Built, new: &Built, random: &mut Random) -> bool {
    let found = compare(old.side(), new.side()).unwrap();
    let shown = || format!("{}\n{}\n{found:#?}", old.written, new.written);
    for difference in &found {
        let witness = difference.witness.as_ref();
        let witness = witness.unwrap_or_else(|| panic!("no witness: {difference:?}"));
        let [before, after] = asked([old.side(), new.side()], &difference.who, witness);
        assert_ne!(before, after, "{difference:?}\n{}", shown());
        assert_eq!(difference.kind == Kind::Added, after, "{difference:?}");
    }
    for principal in principals() {
        if random.below(4) > 0 {
            continue;
        }
        for repository in REPOSITORIES {
            for action in [Action::Read, Action::Delete] {
                let [before, after] =
                    [old, new].map(|built| permits(&built.engine, &principal, repository, action));
                let kind = if after { Kind::Added } else { Kind::Removed };
                let said = found.iter().any(|difference| {
                    difference.kind == kind
                        && difference.actions.contains(&action)
                        && is_said(&difference.who, &principal, repository)
                });
                assert!(
                    before == after || said,
                    "{principal:?} {action:?} {repository}\n{}",
                    shown()
                );
            }
        }
    }
    found.is_empty()
}

#[test]
fn what_differs_is_found_and_what_is_found_differs() {
    let mut random = Random(5);
    let mut counts = [0, 0];
    for pair in 0..PAIRS {
        // Half of them without `${username}`.
        let patterns: Vec<&str> = PATTERNS
            .into_iter()
            .filter(|pattern| pair % 2 == 0 || !pattern.contains('$'))
            .collect();
        let old = random.control(&patterns);
        let new = if pair % 10 == 0 {
            random.control(&patterns)
        } else {
            random.changed(&old, &patterns)
        };
        let [old, new] = [old, new].map(|control| built(&json!(control)));
        counts[usize::from(compared(&old, &new, &mut random))] += 1;
    }
    assert!(counts.iter().all(|count| *count > 50), "{counts:?}");
}
