//! Patterns that decide for nothing, or for less than it looks.

use std::cmp::Reverse;

use registry_auth_engine::authz::Pattern;
use registry_auth_engine::config::raw::{PolicyEntry, PolicyGroup};

use super::finding::Finding;
use super::reach::{Effort, Found, Names, name};
use super::subject::{Subject, path_of};

/// More patterns than these are not compared with each other.
const MAX_COMPARED: usize = 2_000;
/// More patterns than these, of those that may take a pattern's names, are not joined.
const MAX_JOINED: usize = 64;
/// How many losses an entry names.
const SHOWN: usize = 3;

/// A pattern as the engine reads it.
struct Entry<'a> {
    /// As written.
    written: &'a str,
    pattern: Pattern,
    group: &'a PolicyGroup,
    names: Names,
}

pub(crate) fn find(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let Some(control) = subject.control() else {
        return;
    };
    hosts(subject, found);
    if control.repositories.len() > MAX_COMPARED {
        return;
    }
    let effort = Effort::default();
    let Some(all) = Names::all(&effort) else {
        return;
    };
    let mut entries: Vec<Entry<'_>> = control
        .repositories
        .iter()
        .filter_map(|(written, group)| entry(written, group, &effort))
        .collect();
    entries.sort_by_key(|entry| {
        let text = entry.pattern.text().to_string();
        (Reverse(text.len()), entry.pattern.wildcards(), text)
    });
    for (index, entry) in entries.iter().enumerate() {
        if name(&all, &[&entry.names], None, &effort).is_none() {
            let message = "no repository has such a name, so this closes and opens nothing";
            let finding = Finding::new("dead-pattern", path_of(entry.written), message).at_key();
            found.push(
                finding.write(
                    "components of `a-z` and `0-9`, with single `.`, `_` or `-` between these",
                ),
            );
            continue;
        }
        let (before, after) = entries.split_at(index);
        let longer: Vec<&Entry<'_>> = before
            .iter()
            .filter(|other| may_meet(other, entry))
            .collect();
        if shadowed(entry, &longer, &all, &effort) {
            let texts: Vec<String> = longer
                .iter()
                .take(SHOWN)
                .map(|other| format!("`{}`", other.written))
                .collect();
            let message = format!(
                "decides for no repository: each name that it matches has a longer pattern, {}",
                texts.join(", ")
            );
            let finding =
                Finding::new("shadowed-pattern", path_of(entry.written), message).at_key();
            found.push(finding.write("its rules in the longer patterns, or no such pattern"));
            continue;
        }
        let hidden = after.iter().skip(1).find(|other| {
            may_meet(entry, other)
                && matches!(
                    name(&all, &[&entry.names, &other.names], None, &effort),
                    Some(Found::Name(_))
                )
        });
        if let Some(hidden) = hidden {
            found.extend(hides(entry, hidden));
        }
    }
}

fn entry<'a>(written: &'a str, group: &'a PolicyGroup, effort: &Effort) -> Option<Entry<'a>> {
    let pattern = Pattern::compile(&written.to_ascii_lowercase()).ok()?;
    if pattern.is_template() || pattern.unreachable().is_some() {
        return None;
    }
    let names = Names::of(&pattern.expressions(), effort)?;
    Some(Entry {
        written,
        pattern,
        group,
        names,
    })
}

/// False if the constant begins already differ.
fn may_meet(one: &Entry<'_>, other: &Entry<'_>) -> bool {
    let constant = |entry: &Entry<'_>| {
        let text = entry.pattern.text().to_string();
        let end = text.find(['*', '?', '[', '{', '\\']).unwrap_or(text.len());
        let prefix = text.get(..end).unwrap_or_default();
        // `a/**` matches `a`.
        prefix.trim_end_matches('/').to_owned()
    };
    let (one, other) = (constant(one), constant(other));
    one.starts_with(&other) || other.starts_with(&one)
}

/// Returns true if the longer patterns take all names.
fn shadowed(entry: &Entry<'_>, longer: &[&Entry<'_>], all: &Names, effort: &Effort) -> bool {
    if longer.is_empty() || longer.len() > MAX_JOINED {
        return false;
    }
    let expressions: Vec<String> = longer
        .iter()
        .flat_map(|other| other.pattern.expressions())
        .collect();
    let Some(joined) = Names::of(&expressions, effort) else {
        return false;
    };
    name(all, &[&entry.names], Some(&joined), effort).is_none()
}

/// The rights that the shorter pattern gives and the longer takes away.
fn hides(entry: &Entry<'_>, hidden: &Entry<'_>) -> Option<Finding> {
    let (here, there) = (entry.group, hidden.group);
    let mut lost = Vec::new();
    for rule in &there.policies {
        let groups = rule
            .groups
            .iter()
            .map(|group| (format!("group `{group}`"), false, group));
        let users = rule
            .users
            .iter()
            .map(|user| (format!("`{user}`"), true, user));
        for (shown, is_user, name) in groups.chain(users) {
            let missing: Vec<&str> = rule
                .actions
                .iter()
                .filter(|action| !gives(here, is_user, name, action))
                .map(String::as_str)
                .collect();
            if !missing.is_empty() {
                lost.push(format!("{shown} loses {}", missing.join(", ")));
            }
        }
    }
    let everybody = [
        (
            "everybody with a credential",
            &there.default_policy,
            [&here.default_policy, &here.anonymous_policy],
        ),
        (
            "everybody",
            &there.anonymous_policy,
            [&here.anonymous_policy, &here.anonymous_policy],
        ),
    ];
    for (who, actions, given) in everybody {
        let missing: Vec<&str> = actions
            .iter()
            .filter(|action| !given.iter().any(|given| given.contains(action)))
            .map(String::as_str)
            .collect();
        if !missing.is_empty() {
            lost.push(format!("{who} loses {}", missing.join(", ")));
        }
    }
    lost.dedup();
    let more = lost.len().saturating_sub(SHOWN);
    lost.truncate(SHOWN);
    if lost.is_empty() {
        return None;
    }
    let more = if more > 0 {
        format!(", and {more} more")
    } else {
        String::new()
    };
    let message = format!(
        "hides `{}`, for only the longest pattern decides: {}{more}",
        hidden.written,
        lost.join("; ")
    );
    let finding = Finding::new("hidden-grant", path_of(entry.written), message).at_key();
    Some(finding.write("the same grants here, or an entry of lint.allow if this is meant"))
}

fn gives(group: &PolicyGroup, is_user: bool, name: &String, action: &String) -> bool {
    let names = |rule: &&PolicyEntry| {
        if is_user {
            // A user may be in any group.
            rule.users.contains(name) || !rule.groups.is_empty()
        } else {
            rule.groups.contains(name)
        }
    };
    let mut rules = group.policies.iter().filter(names);
    rules.any(|rule| rule.actions.contains(action))
        || group.default_policy.contains(action)
        || group.anonymous_policy.contains(action)
}

/// Patterns that begin with the host of the registry.
fn hosts(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let bearer = subject.document.bearer.as_ref();
    let service = bearer.and_then(|bearer| bearer.service.as_deref());
    let realm = bearer
        .and_then(|bearer| bearer.realm.as_deref())
        .and_then(|realm| {
            let (_, rest) = realm.split_once("://")?;
            rest.split('/').next()
        });
    let audiences = bearer
        .into_iter()
        .flat_map(|bearer| &bearer.oidc)
        .flat_map(|oidc| &oidc.audiences);
    let own: Vec<&str> = audiences
        .map(String::as_str)
        .chain(service)
        .chain(realm)
        .collect();
    for pattern in subject
        .control()
        .iter()
        .flat_map(|control| control.repositories.keys())
    {
        let Some((first, rest)) = pattern.split_once('/') else {
            continue;
        };
        let is_host = own.iter().any(|own| {
            let own = own.split_once("://").map_or(*own, |(_, host)| host);
            own.contains('.') && own.split(['/', ':']).next() == Some(first)
        }) || is_public(first);
        if is_host && !first.contains('*') {
            let message = format!(
                "begins with a host: repositories are named without it, so this is one called `{first}/...`"
            );
            let finding = Finding::new("host-in-pattern", path_of(pattern), message).at_key();
            found.push(finding.write(format!("\"{rest}\"")));
        }
    }
}

/// Hosts that are in the names of images that people know.
fn is_public(host: &str) -> bool {
    [
        "docker.io",
        "ghcr.io",
        "quay.io",
        "gcr.io",
        "localhost",
        "registry.example.com",
        "registry.k8s.io",
        "mcr.microsoft.com",
    ]
    .contains(&host)
        || host.starts_with("registry.") && host.matches('.').count() >= 2
}
