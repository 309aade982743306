//! Configurations and requests that meet: few names, of which many patterns match several.

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use registry_auth_cases::reference::{Ask, Caller, Entry, World, conditions};
use serde_json::{Map, Value, json};

/// Requests to one configuration: at least this number on average.
pub(super) const REQUESTS: u32 = 50;
const MOST: usize = 2 * REQUESTS as usize + 10;

/// A configuration and requests to it.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) world: World,
    pub(super) requests: Vec<(Caller, Ask)>,
}

const NAMES: &[&str] = &[
    "team",
    "team/app",
    "team/web",
    "team/app/x",
    "ann/app",
    "ann",
    "bob/x",
    "a/b/c",
    "a/b",
    "a",
    "lib",
    "tea/ann",
    "x/ann/app",
    "public/app",
    "bob.s/app",
    "ann/ann/app",
    "a/a",
];
/// Who is asking: `Ann`, `a/b`, `*` and `a..b` are never a component of a name.
const USERS: &[&str] = &[
    "ann", "bob", "bob.s", "a", "root", "Ann", "a/b", "*", "a..b", "team",
];
const GROUPS: &[&str] = &["devs", "ops", "wheel", "Devs"];
const ACTIONS: &[&str] = &["read", "create", "update", "delete"];
const COMPONENTS: &[&str] = &[
    "team",
    "app",
    "ann",
    "a",
    "b",
    "lib",
    "x",
    "tea",
    "bob",
    "web",
    "*",
    "?",
    "**",
    "***",
    "t*m",
    "te**",
    "**b",
    "a?p",
    "[a-t]*",
    "[!a]*",
    "[^t-x]??",
    "{app,web}",
    "{a,b/c}",
    "te{am,a}",
    "{team,**}",
    "x{**}",
    "{a,{b,x}}",
    "a{nn,}",
    "${username}",
];
const TAGS: &[&str] = &["v1", "latest", "new", "broken"];
const PLAIN: &[(&str, &str)] = &[
    ("GET", "tags/list"),
    ("HEAD", "blobs/@"),
    ("GET", "blobs/@"),
    ("DELETE", "blobs/@"),
    ("GET", "referrers/@"),
    ("GET", "blobs/uploads/session"),
    ("POST", "blobs/uploads/"),
    ("PATCH", "blobs/uploads/session"),
    ("PUT", "blobs/uploads/session?digest=@"),
    ("DELETE", "blobs/uploads/session"),
];

fn some(words: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<String>> {
    subsequence(words, 0..=most).prop_map(|words| words.into_iter().map(str::to_owned).collect())
}

fn one(words: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(words).prop_map(str::to_owned)
}

/// A pattern; of several places for the caller's name only the first stays.
fn pattern() -> impl Strategy<Value = String> {
    let made = vec(select(COMPONENTS), 1..=4).prop_map(|components| {
        let mut has_place = false;
        let each = components.into_iter().map(|component| {
            let again = has_place && component == "${username}";
            has_place |= component == "${username}";
            if again { "*" } else { component }
        });
        each.collect::<Vec<_>>().join("/")
    });
    prop_oneof![4 => made, 1 => one(NAMES), 1 => one(NAMES).prop_map(|name| format!("{name}/**")), 1 => Just("**".to_owned()), 1 => Just("${username}/**".to_owned())]
}

fn entry() -> impl Strategy<Value = Value> {
    let condition = (
        select(conditions()),
        weighted(0.7, select(&["not so", "not now", "no"][..])),
    )
        .prop_map(|(expression, message)| match message {
            Some(message) => json!({"expression": expression, "message": message}),
            None => json!({"expression": expression}),
        });
    (some(USERS, 6), some(GROUPS, 3), some(ACTIONS, 4), vec(condition, 0..=2)).prop_map(
        |(users, groups, actions, conditions)| {
            json!({"users": users, "groups": groups, "actions": actions, "conditions": conditions})
        },
    )
}

fn group() -> impl Strategy<Value = Value> {
    let sometimes = |most| prop_oneof![2 => Just(Vec::new()), 1 => some(ACTIONS, most)];
    (vec(entry(), 0..=3), sometimes(2), sometimes(2)).prop_map(|(policies, default, anonymous)| {
        json!({"policies": policies, "defaultPolicy": default, "anonymousPolicy": anonymous})
    })
}

/// For everybody only.
fn open_group() -> impl Strategy<Value = Value> {
    some(ACTIONS, 3).prop_map(|anonymous| json!({"anonymousPolicy": anonymous}))
}

fn access_control() -> impl Strategy<Value = Value> {
    let put =
        |(repositories, admin): (std::collections::BTreeMap<String, Value>, Option<Value>)| {
            let repositories: Map<String, Value> = repositories.into_iter().collect();
            admin.map_or_else(
                || json!({"repositories": repositories}),
                |admin| json!({"repositories": repositories, "adminPolicy": admin}),
            )
        };
    let mixed = (btree_map(pattern(), group(), 0..=7), weighted(0.5, entry())).prop_map(put);
    let open = btree_map(pattern(), open_group(), 0..=3)
        .prop_map(move |repositories| put((repositories, None)));
    prop_oneof![12 => mixed, 1 => open]
}

fn world() -> impl Strategy<Value = World> {
    let tag = (select(NAMES), select(TAGS)).prop_map(|(name, tag)| format!("{name}:{tag}"));
    (
        weighted(0.95, access_control()),
        weighted(0.2, Just(())),
        weighted(0.8, Just(())),
        weighted(0.8, Just(())),
        btree_set(tag, 0..30),
        subsequence(NAMES, 0..=NAMES.len()),
    )
        .prop_map(|(access_control, bypass, asks, mounts, tags, catalog)| {
            let mut catalog: Vec<String> = catalog.into_iter().map(str::to_owned).collect();
            catalog.sort();
            let [bypass, asks, mounts] = [bypass, asks, mounts].map(|set| set.is_some());
            World {
                access_control,
                bypass,
                asks,
                mounts,
                tags,
                catalog,
            }
        })
}

fn caller() -> impl Strategy<Value = Caller> {
    let person = (one(USERS), some(GROUPS, 2), weighted(0.6, one(&["x", "y"])))
        .prop_map(|(user, groups, team)| Caller::Person { user, groups, team });
    let repository = prop_oneof![6 => one(NAMES).prop_map(Some), 1 => Just(None)];
    let scope = (
        repository,
        some(&["pull", "push", "delete", "*", "PULL"], 3),
        weighted(0.15, Just(())),
    )
        .prop_map(|(repository, actions, expired)| Entry {
            repository,
            actions,
            expired: expired.is_some(),
        });
    // One that is granted much, so that the policy has something to say.
    let everything = NAMES
        .iter()
        .map(|name| Some((*name).to_owned()))
        .chain([None]);
    let everything = everything.map(|repository| Entry {
        repository,
        actions: vec!["*".to_owned()],
        expired: false,
    });
    let access = prop_oneof![1 => vec(scope, 0..4), 1 => Just(everything.collect::<Vec<_>>())];
    let user = prop_oneof![5 => one(USERS), 1 => Just(String::new())];
    let server = (user, access).prop_map(|(user, access)| Caller::Server { user, access });
    prop_oneof![2 => Just(Caller::Anonymous), 6 => person, 2 => server]
}

fn ask() -> impl Strategy<Value = Ask> {
    let name = || one(NAMES);
    let plain =
        (select(PLAIN), name()).prop_map(|((method, rest), name)| Ask::Plain(method, name, rest));
    let manifest = (
        select(&["GET", "HEAD", "DELETE"][..]),
        name(),
        weighted(0.7, one(TAGS)),
    )
        .prop_map(|(method, name, tag)| Ask::Manifest(method, name, tag));
    let tags = |most| {
        subsequence(TAGS, 0..=most).prop_map(|tags| tags.into_iter().map(str::to_owned).collect())
    };
    prop_oneof![
        1 => Just(Ask::Base),
        2 => Just(Ask::Catalog),
        1 => Just(Ask::Extension),
        5 => plain,
        4 => manifest,
        3 => (name(), weighted(0.8, name())).prop_map(|(name, from)| Ask::Mount(name, from)),
        3 => (name(), one(TAGS)).prop_map(|(name, tag)| Ask::PushTag(name, tag, Vec::new())),
        2 => (name(), one(TAGS), tags(2)).prop_map(|(name, tag, others)| Ask::PushTag(name, tag, others)),
        3 => (name(), tags(3)).prop_map(|(name, tags)| Ask::PushDigest(name, tags)),
    ]
}

pub(super) fn case() -> impl Strategy<Value = Case> {
    let requests = vec((caller(), ask()), 1..=MOST);
    (world(), requests).prop_map(|(world, requests)| Case { world, requests })
}
