//! What everybody gets: callers without a credential, and those of issuers that serve everybody.

use cel_interpreter::IdedExpr;
use cel_interpreter::common::ast::operators;

use super::expression::{Use, Written, call, is_other_literal, text, walk};
use super::finding::Finding;
use super::subject::{Issuer, Subject, claims_read, path_of};

const WRITES: [&str; 3] = ["create", "update", "delete"];

pub(crate) fn find(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    anonymous(subject, found);
    for issuer in subject.issuers() {
        let Some(who) = issuer.known.and_then(|known| known.anybody) else {
            continue;
        };
        if says_whose(&issuer) {
            continue;
        }
        let Some(what) = given_to_all(subject, &issuer) else {
            continue;
        };
        let example = issuer.known.map(|known| known.example).unwrap_or_default();
        let message = format!("{who} gets such tokens, and no validation says whose; {what}");
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

/// Returns true if a validation compares a claim that says whose a token is.
fn says_whose(issuer: &Issuer<'_>) -> bool {
    let variables = issuer.claims_of_variables();
    let compares = |written: &Written<'_>| {
        compares_owner(issuer, written, &|node| {
            let part = Written {
                path: String::new(),
                used: written.used,
                source: written.source,
                tree: node.clone(),
            };
            claims_read(&part, &variables)
        })
    };
    issuer.of(Use::Validation).any(compares)
}

/// Returns true if an expression compares an owner with a text in a way that leaves others out.
fn compares_owner(
    issuer: &Issuer<'_>,
    written: &Written<'_>,
    claims: &dyn Fn(&IdedExpr) -> Vec<String>,
) -> bool {
    let owners = issuer.known.map(|known| known.owners).unwrap_or_default();
    let mut compares = false;
    walk(&written.tree, &mut |node| {
        let Some((name, arguments)) = call(node) else {
            return;
        };
        let comparing = [
            operators::EQUALS,
            operators::IN,
            "startsWith",
            "endsWith",
            "contains",
            "matches",
        ];
        if comparing.contains(&name) && !arguments.iter().any(|argument| is_other_literal(argument))
        {
            let is_owner = |argument: &&IdedExpr| {
                let read = claims(argument);
                read.iter().any(|claim| owners.contains(&claim.as_str()))
            };
            let is_said = |argument: &&IdedExpr| text(argument).is_none_or(|text| !text.is_empty());
            compares |= arguments.iter().any(is_owner) && arguments.iter().all(is_said);
        }
    });
    compares
}

/// What every caller of an issuer may do more than callers without a credential.
fn given_to_all(subject: &Subject<'_>, issuer: &Issuer<'_>) -> Option<String> {
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
    let groups = constants(issuer, Use::Groups);
    let users = constants(issuer, Use::Username);
    for rule in subject.rules() {
        let is_everybody = rule.raw.groups.iter().any(|group| groups.contains(group))
            || rule.raw.users.iter().any(|user| users.contains(user));
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

/// The texts that an expression has wherever it is evaluated: literals outside of concatenations.
fn constants(issuer: &Issuer<'_>, used: Use) -> Vec<String> {
    let mut all = Vec::new();
    for written in issuer.of(used) {
        let shapes = super::shapes::of(issuer, &written.tree);
        all.extend(shapes.iter().filter_map(super::shapes::Shape::constant));
    }
    all
}
