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
                // What a shorter pattern gives is named where it does not hold.
                let granted = what(policy, user, &groups);
                let gives = |text: &Arc<str>| {
                    granted
                        .iter()
                        .any(|rule| rule.pattern.as_ref() == Some(text))
                };
                let all = policy.patterns(repository, user);
                if let [first, others @ ..] = all.as_slice()
                    && !gives(first)
                    && others.iter().any(gives)
                {
                    let closed = closed(policy, user, &granted);
                    assert!(closed.contains(first), "{asked}: {first} not in {closed:?}");
                }
                counts[usize::from(expected)] += 1;
            }
        }
    }
    assert!(counts.iter().all(|count| *count > 1_000), "{counts:?}");
}
