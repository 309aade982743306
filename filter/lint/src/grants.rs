//! Rights that do not work together.

use registry_auth_engine::config::raw::PolicyGroup;

use super::finding::Finding;
use super::issuers::is_empty_list;
use super::subject::{Rule, Subject, member, path_of};

pub(crate) fn find(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(control) = subject.control() else {
        return;
    };
    let rules = subject.rules();
    for (pattern, group) in &control.repositories {
        let of_pattern = rules.iter().filter(|rule| rule.pattern == Some(pattern));
        for rule in of_pattern {
            pushes(rule, group, found);
            empty_conditions(subject, rule, found);
        }
        everybody(pattern, group, found);
    }
    upstream(subject, &rules, found);
}

/// What a push needs in addition to the right to write.
fn pushes(rule: &Rule<'_>, group: &PolicyGroup, found: &mut Vec<Finding>) {
    let actions = &rule.raw.actions;
    let has = |action: &str| actions.iter().any(|known| known == action);
    let path = format!("{}.actions", rule.path);
    let given = |action: &str| {
        let others = group.policies.iter().filter(|other| *other != rule.raw);
        let by_rules = others.filter(|other| other.actions.iter().any(|known| known == action));
        let shares = |other: &&registry_auth_engine::config::raw::PolicyEntry| {
            !other.groups.is_empty() || other.users.iter().any(|user| rule.raw.users.contains(user))
        };
        let everybody = group.default_policy.iter().chain(&group.anonymous_policy);
        by_rules.clone().any(|other| shares(&other))
            || everybody.into_iter().any(|known| known == action)
    };
    if (has("create") || has("update")) && !has("read") && !given("read") {
        let message =
            "a push asks first which layers are there, which needs `read`: docker stops at the 403";
        let finding = Finding::new("no-read", &path, message);
        let mut all = vec!["read"];
        all.extend(actions.iter().map(String::as_str));
        found.push(finding.write(format!("actions: [{}]", all.join(", "))));
    }
    if has("update") && !has("create") && !given("create") {
        let message = "`update` alone sets tags that exist: layers that are new need `create`, so a push of new content gets 403";
        let finding = Finding::new("update-without-create", &path, message);
        let mut all: Vec<&str> = actions.iter().map(String::as_str).collect();
        all.push("create");
        found.push(finding.write(format!("actions: [{}]", all.join(", "))));
    }
}

/// The same for what everybody gets.
fn everybody(pattern: &str, group: &PolicyGroup, found: &mut Vec<Finding>) {
    let lists = [
        (
            "defaultPolicy",
            &group.default_policy,
            &group.anonymous_policy,
        ),
        (
            "anonymousPolicy",
            &group.anonymous_policy,
            &group.anonymous_policy,
        ),
    ];
    for (name, actions, others) in lists {
        let has = |action: &str| actions.iter().chain(others).any(|known| known == action);
        if (has("create") || has("update")) && !has("read") {
            let message = "a push asks first which layers are there, which needs `read`: docker stops at the 403";
            let path = format!("{}.{name}", path_of(pattern));
            found.push(Finding::new("no-read", path, message).write("read too"));
        }
    }
}

fn empty_conditions(subject: &Subject<'_>, rule: &Rule<'_>, found: &mut Vec<Finding>) {
    let Some(pattern) = rule.pattern else {
        return;
    };
    let path = ["http", "accessControl", "repositories", pattern];
    let group = path
        .iter()
        .try_fold(subject.value, |value, name| member(value, name));
    let policies = group.and_then(|group| member(group, "policies"));
    let index = rule
        .path
        .rsplit_once('[')
        .and_then(|(_, index)| index.strip_suffix(']'));
    let index = index.and_then(|index| index.parse::<usize>().ok());
    let entry = policies
        .zip(index)
        .and_then(|(policies, index)| policies.get(index));
    if entry.is_some_and(|entry| is_empty_list(entry, "conditions")) {
        let message = "is empty: the actions are granted without a condition";
        let path = format!("{}.conditions", rule.path);
        let finding = Finding::new("empty-restriction", path, message).at_key();
        found.push(finding.write("a condition, or no `conditions`"));
    }
}

/// Whether a tag exists is asked of the registry.
fn upstream(subject: &Subject<'_>, rules: &[Rule<'_>], found: &mut Vec<Finding>) {
    if subject.asks_upstream {
        return;
    }
    let tells_apart = |actions: &[String]| {
        let has = |action: &str| actions.iter().any(|known| known == action);
        has("create") != has("update")
    };
    let lists = subject
        .control()
        .into_iter()
        .flat_map(|control| &control.repositories);
    let lists = lists.flat_map(|(pattern, group)| {
        let at = path_of(pattern);
        [
            (
                format!("{at}.defaultPolicy"),
                group.default_policy.as_slice(),
            ),
            (
                format!("{at}.anonymousPolicy"),
                group.anonymous_policy.as_slice(),
            ),
        ]
    });
    let named = rules.iter().map(|rule| {
        (
            format!("{}.actions", rule.path),
            rule.raw.actions.as_slice(),
        )
    });
    let first = lists.chain(named).find(|(_, actions)| tells_apart(actions));
    if let Some((path, _)) = first {
        let message = "tells `create` and `update` apart, but nobody is asked whether a tag exists: each push of a tag needs both";
        let finding = Finding::new("no-upstream", path, message);
        found.push(
            finding.write("proxy: { upstreamCluster: NAME }, the proxy's name for the registry"),
        );
    }
}
