//! Properties of the evaluation, over generated configurations.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use registry_auth_cel::Document;
use serde_json::{Value, json};

use super::*;
use crate::access::Action;
use crate::authn::identity::User;
use crate::authz::Pattern;
use crate::config::{Role, decode};
use crate::request::RequestHead;
use crate::time::UnixTime;

const NOW: UnixTime = UnixTime::from_secs(1_790_000_000);
const USERS: &[&str] = &["alice", "bob", "carol"];
const GROUPS: &[&str] = &["devs", "ops"];
const ACTIONS: &[&str] = &["read", "create", "update", "delete"];
const CONDITIONS: &[&str] = &[
    "true",
    "false",
    "req.missing == 1",
    "req.repository.startsWith('a')",
    "req.auth.admin",
];
/// They overlap, and some that decide are of one length.
const PATTERNS: &[&str] = &[
    "**", "a/**", "*/b", "a/b", "a/?", "{a,c}/b", "{c,a}/b", "c/**", "c/d/*", "c/*/e",
];
const NAMES: &[&str] = &["a", "a/b", "a/c", "c/b", "c/d/e", "z"];

/// One member of `repositories`.
#[derive(Clone, Debug)]
struct Group {
    pattern: &'static str,
    entries: Vec<Entry>,
    default: Vec<&'static str>,
    anonymous: Vec<&'static str>,
}

#[derive(Clone, Debug)]
struct Entry {
    users: Vec<&'static str>,
    groups: Vec<&'static str>,
    actions: Vec<&'static str>,
    condition: Option<&'static str>,
}

/// `http.accessControl`, in the order in which it is written.
#[derive(Clone, Debug)]
struct Written {
    groups: Vec<Group>,
    admin: Option<Entry>,
}

fn some(of: &'static [&'static str]) -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(of, 0..=of.len())
}

fn entry() -> impl Strategy<Value = Entry> {
    let condition = prop_oneof![2 => Just(None), 1 => select(CONDITIONS).prop_map(Some)];
    (some(USERS), some(GROUPS), some(ACTIONS), condition).prop_map(
        |(users, groups, actions, condition)| Entry {
            users,
            groups,
            actions,
            condition,
        },
    )
}

fn written() -> impl Strategy<Value = Written> {
    let groups = subsequence(PATTERNS, 1..=PATTERNS.len()).prop_flat_map(|patterns| {
        let group = |pattern| {
            (vec(entry(), 0..4), some(ACTIONS), some(ACTIONS)).prop_map(
                move |(entries, default, anonymous)| Group {
                    pattern,
                    entries,
                    default,
                    anonymous,
                },
            )
        };
        patterns.into_iter().map(group).collect::<Vec<_>>()
    });
    (groups, proptest::option::of(entry())).prop_map(|(groups, admin)| Written { groups, admin })
}

/// The same in another order: of the patterns, of the entries of each, and of all their lists.
fn shuffled(written: &Written) -> impl Strategy<Value = Written> + use<> {
    let admin = written.admin.clone();
    let groups: Vec<_> = written
        .groups
        .iter()
        .map(|group| {
            let pattern = group.pattern;
            let entries: Vec<_> = group
                .entries
                .iter()
                .map(|entry| {
                    let condition = entry.condition;
                    (
                        Just(entry.users.clone()).prop_shuffle(),
                        Just(entry.groups.clone()).prop_shuffle(),
                        Just(entry.actions.clone()).prop_shuffle(),
                    )
                        .prop_map(move |(users, groups, actions)| Entry {
                            users,
                            groups,
                            actions,
                            condition,
                        })
                })
                .collect();
            (
                entries.prop_shuffle(),
                Just(group.default.clone()).prop_shuffle(),
                Just(group.anonymous.clone()).prop_shuffle(),
            )
                .prop_map(move |(entries, default, anonymous)| Group {
                    pattern,
                    entries,
                    default,
                    anonymous,
                })
        })
        .collect();
    groups.prop_shuffle().prop_map(move |groups| Written {
        groups,
        admin: admin.clone(),
    })
}

impl Entry {
    fn to_json(&self) -> Value {
        let conditions: Vec<_> = self
            .condition
            .iter()
            .map(|condition| json!({ "expression": condition }))
            .collect();
        json!({ "users": self.users, "groups": self.groups, "actions": self.actions, "conditions": conditions })
    }
}

impl Written {
    /// As text: a JSON value would not keep the order.
    fn compile(&self) -> Policy {
        let group = |group: &Group| {
            let entries: Vec<Value> = group.entries.iter().map(Entry::to_json).collect();
            let value = json!({ "policies": entries, "defaultPolicy": group.default, "anonymousPolicy": group.anonymous });
            format!("\"{}\":{value}", group.pattern)
        };
        let repositories = self.groups.iter().map(group).collect::<Vec<_>>().join(",");
        let admin = self.admin.as_ref().map_or_else(String::new, |admin| {
            format!(",\"adminPolicy\":{}", admin.to_json())
        });
        let text = format!(
            "{{\"http\":{{\"accessControl\":{{\"repositories\":{{{repositories}}}{admin}}}}}}}"
        );
        let (role, mut diagnostics) = decode(text.as_bytes());
        let Role::Filter(document) = role else {
            panic!("not the configuration of a filter")
        };
        Policy::compile(&document.access_control.unwrap(), "ac", &mut diagnostics).unwrap()
    }
}

/// The answer to every question that these configurations can tell apart.
fn answers(policy: &Policy) -> Vec<bool> {
    let head = RequestHead::default();
    let facts = RequestFacts::new(&head, NOW);
    let mut answers = Vec::new();
    for user in ["", "alice", "bob", "carol", "dave"] {
        for groups in [&[] as &[&str], &["devs"], &["ops"], &["devs", "ops"]] {
            let groups = groups.iter().map(|group| (*group).to_owned()).collect();
            let identity = Identity::of(User::new(user.to_owned(), groups, Document::empty()));
            for action in ACTIONS.iter().filter_map(|word| Action::from_name(word)) {
                let permission = |repository| Permission {
                    action,
                    repository,
                    reference: "",
                };
                answers.extend(NAMES.iter().map(|name| {
                    policy
                        .decide(&identity, &permission(name), &facts)
                        .is_granted()
                }));
            }
        }
    }
    answers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn the_order_in_which_a_policy_is_written_does_not_matter(
        (one, other) in written().prop_flat_map(|written| (Just(written.clone()), shuffled(&written))),
    ) {
        prop_assert_eq!(answers(&one.compile()), answers(&other.compile()));
    }

    /// An added pattern may take away: it decides alone for the names that it matches best.
    #[test]
    fn a_grant_added_to_a_group_takes_nothing_away(written in written(), group in any::<Index>(), place in any::<Index>(), entry in entry()) {
        let before = answers(&written.compile());
        let mut more = written;
        let entries = &mut group.get_mut(&mut more.groups).entries;
        entries.insert(place.index(entries.len() + 1), entry);
        let after = answers(&more.compile());
        prop_assert!(before.iter().zip(&after).all(|(before, after)| !before || *after));
    }

    /// The index sees them in text order, whatever the file says; it must not rely on that.
    #[test]
    fn the_order_of_the_patterns_does_not_matter(shuffled in Just(PATTERNS.to_vec()).prop_shuffle()) {
        let build = |texts: &[&str]| {
            PatternIndex::build(texts.iter().map(|text| (Pattern::compile(text).unwrap(), ())).collect()).unwrap()
        };
        let (sorted, shuffled) = (build(PATTERNS), build(&shuffled));
        for name in NAMES {
            let winner = |index: &PatternIndex<()>| index.find(name, None).map(|(pattern, ())| pattern.text().clone());
            prop_assert_eq!(winner(&sorted), winner(&shuffled), "{}", name);
        }
    }
}
