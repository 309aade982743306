//! What everybody gets: callers without a credential, and those of issuers that serve everybody.

use super::expression::Use;
use super::finding::Finding;
use super::strangers;
use super::subject::{Issuer, Subject, claims_read, path_of};

const WRITES: [&str; 3] = ["create", "update", "delete"];

pub(crate) fn find(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    anonymous(subject, found);
    for issuer in subject.issuers() {
        let Some(who) = issuer.known.and_then(|known| known.anybody) else {
            continue;
        };
        let strangers = strangers::of(subject, &issuer);
        if strangers.is_empty() {
            continue;
        }
        let Some(what) = given_to(&strangers, subject, &issuer) else {
            continue;
        };
        let example = issuer.known.map(|known| known.example).unwrap_or_default();
        let why = if issuer.of(Use::Validation).next().is_some() {
            "no validation keeps strangers out"
        } else {
            "no validation says whose"
        };
        let message = format!("{who} gets such tokens, and {why}; {what}");
        let finding = Finding::new("open-issuer", format!("{}.issuer", issuer.path), message);
        found.push(finding.write(example));
        default_write(subject, who, found);
    }
}

fn anonymous(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    for (pattern, group) in subject
        .control()
        .iter()
        .flat_map(|control| &control.repositories)
    {
        for (index, action) in group.anonymous_policy.iter().enumerate() {
            if WRITES.contains(&action.as_str()) {
                let path = format!("{}.anonymousPolicy[{index}]", path_of(pattern));
                let message =
                    format!("lets everybody {action} images in `{pattern}`, without a credential");
                let finding = Finding::new("anonymous-write", path, message);
                found.push(finding.write("anonymousPolicy: [read]"));
            }
        }
    }
}

fn default_write(subject: &Subject<'_>, who: &str, found: &mut Vec<Finding>) {
    for (pattern, group) in subject
        .control()
        .iter()
        .flat_map(|control| &control.repositories)
    {
        for (index, action) in group.default_policy.iter().enumerate() {
            if WRITES.contains(&action.as_str()) {
                let path = format!("{}.defaultPolicy[{index}]", path_of(pattern));
                if found.iter().any(|known| known.path == path) {
                    continue;
                }
                let message = format!("lets {who} {action} images in `{pattern}`");
                let finding = Finding::new("default-write", path, message);
                found.push(finding.write(
                    "a policy for the users or groups that push, and defaultPolicy: [read]",
                ));
            }
        }
    }
}

/// What strangers may do more than callers without a credential.
fn given_to(
    strangers: &[(String, Vec<String>)],
    subject: &Subject<'_>,
    issuer: &Issuer<'_>,
) -> Option<String> {
    let Some(control) = subject.control() else {
        return Some("without accessControl they may do everything".to_owned());
    };
    let mut most: Option<(usize, String)> = None;
    let mut consider = |pattern: Option<&str>, actions: &[String]| {
        let rank = |action: &str| {
            ["read", "create", "update", "delete"]
                .iter()
                .position(|known| *known == action)
        };
        let best = actions.iter().filter_map(|action| rank(action)).max();
        if let Some(best) = best
            && most.as_ref().is_none_or(|(known, _)| best > *known)
        {
            let place = pattern.map_or_else(
                || "adminPolicy".to_owned(),
                |pattern| format!("`{pattern}`"),
            );
            let word = ["read", "create", "update", "delete"]
                .get(best)
                .copied()
                .unwrap_or_default();
            most = Some((best, format!("{place} lets them {word}")));
        }
    };
    for (pattern, group) in &control.repositories {
        let more: Vec<String> = group
            .default_policy
            .iter()
            .filter(|action| !group.anonymous_policy.contains(action))
            .cloned()
            .collect();
        consider(Some(pattern), &more);
    }
    for rule in subject.rules() {
        let is_everybody = strangers.iter().any(|(user, groups)| {
            rule.raw.users.contains(user)
                || rule.raw.groups.iter().any(|group| groups.contains(group))
        });
        let owners = issuer.known.map(|known| known.owners).unwrap_or_default();
        let is_restricted = rule.conditions.iter().any(|condition| {
            let read = claims_read(condition, &std::collections::BTreeMap::new());
            read.iter().any(|claim| owners.contains(&claim.as_str()))
        });
        if is_everybody && !is_restricted {
            consider(rule.pattern, &rule.raw.actions);
        }
    }
    most.map(|(_, what)| what)
}
