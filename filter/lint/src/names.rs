//! Users and groups that nobody is.

use std::collections::BTreeSet;

use super::expression::Use;
use super::finding::Finding;
use super::shapes::{self, Shape};
use super::subject::{Issuer, Subject, path_of};

/// How many shapes an advice names.
const SHOWN: usize = 4;

pub(crate) fn find(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let issuers = subject.issuers();
    let users = (!subject.has_other_callers()).then(|| users(&issuers));
    let groups = (!subject.has_other_callers()).then(|| groups(&issuers));
    let configured = subject.control().map(|control| &control.groups);
    for rule in subject.rules() {
        for (index, user) in rule.raw.users.iter().enumerate() {
            let path = format!("{}.users[{index}]", rule.path);
            if let Some(finding) = glob("user", user, &path) {
                found.push(finding);
            } else if let Some(shapes) = &users
                && !user.is_empty()
                && !shapes.iter().any(|shape| shape.fits(user))
            {
                let message = format!(
                    "no token has the user name `{user}`: {}",
                    yields(shapes, "names")
                );
                found.push(Finding::new("impossible-user", path, message).write(near(shapes)));
            }
        }
        for (index, group) in rule.raw.groups.iter().enumerate() {
            let path = format!("{}.groups[{index}]", rule.path);
            if let Some(finding) = glob("group", group, &path) {
                found.push(finding);
            } else if let Some(shapes) = &groups
                && !group.is_empty()
                && !shapes.iter().any(|shape| shape.fits(group))
            {
                let is_configured = configured.is_some_and(|all| all.contains_key(group));
                let why = if is_configured {
                    "`accessControl.groups` is for callers without groups of their own, and tokens have theirs".to_owned()
                } else {
                    yields(shapes, "groups")
                };
                let message = format!("nobody is in the group `{group}`: {why}");
                found.push(Finding::new("impossible-group", path, message).write(near(shapes)));
            }
        }
    }
    of_configured_groups(subject, users.as_deref(), found);
}

fn of_configured_groups(subject: &Subject<'_>, users: Option<&[Shape]>, found: &mut Vec<Finding>) {
    let groups = subject
        .control()
        .into_iter()
        .flat_map(|control| &control.groups);
    for (name, members) in groups {
        for (index, user) in members.iter().enumerate() {
            let at = path_of(name).replace("repositories", "groups");
            let plain = name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            let at = if plain {
                format!("http.accessControl.groups.{name}")
            } else {
                at
            };
            let path = format!("{at}.users[{index}]");
            if let Some(finding) = glob("user", user, &path) {
                found.push(finding);
            } else if let Some(shapes) = users
                && !shapes.iter().any(|shape| shape.fits(user))
            {
                let message = format!(
                    "no token has the user name `{user}`: {}",
                    yields(shapes, "names")
                );
                found.push(Finding::new("impossible-user", path, message).write(near(shapes)));
            }
        }
    }
}

/// A name with characters of a pattern.
fn glob(what: &str, name: &str, path: &str) -> Option<Finding> {
    let is_pattern = name.contains(['*', '?', '{', '^', '$']) && !name.contains("://");
    is_pattern.then(|| {
        let message = format!("the {what} `{name}` is compared exactly: only a {what} of just this name is meant by it");
        let advice = if name == "*" {
            "defaultPolicy for everybody with a credential, anonymousPolicy for everybody"
        } else if what == "user" {
            "a group that the mapping makes of a claim, such as groups: \"['owner:' + claims.repository_owner]\""
        } else {
            "the names of all groups, or a group that the mapping makes of a part of the claim"
        };
        Finding::new("glob-in-name", path, message).write(advice)
    })
}

fn users(issuers: &[Issuer<'_>]) -> Vec<Shape> {
    let mut all = Vec::new();
    for issuer in issuers {
        if let Some(written) = issuer.of(Use::Username).next() {
            all.extend(shapes::of(issuer, &written.tree));
            continue;
        }
        // `claims.iss + '/' + claims.sub`
        let issued = issuer.raw.issuer.replace('\'', "");
        let tree = registry_auth_cel::tree::parse(&format!("'{issued}/' + claims.sub"));
        all.extend(tree.iter().flat_map(|tree| shapes::of(issuer, tree)));
    }
    all
}

fn groups(issuers: &[Issuer<'_>]) -> Vec<Shape> {
    let all = issuers
        .iter()
        .flat_map(|issuer| issuer.of(Use::Groups).map(move |written| (issuer, written)));
    all.flat_map(|(issuer, written)| shapes::of(issuer, &written.tree))
        .collect()
}

fn yields(shapes: &[Shape], what: &str) -> String {
    let texts: BTreeSet<String> = shapes.iter().map(ToString::to_string).collect();
    if texts.is_empty() {
        return format!("no mapping yields {what}");
    }
    let shown: Vec<String> = texts
        .iter()
        .take(SHOWN)
        .map(|text| format!("`{text}`"))
        .collect();
    format!("the mappings yield {}", shown.join(", "))
}

fn near(shapes: &[Shape]) -> String {
    let first = shapes.iter().find(|shape| !shape.is_any());
    first.map_or_else(
        || "a mapping with `groups`, such as groups: claims.groups".to_owned(),
        |shape| format!("a name such as `{shape}`, or another mapping"),
    )
}
