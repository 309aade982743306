//! `accessControl`, read from its JSON for every question.

use std::cmp::Reverse;

use serde_json::Value;

use super::condition::{Request, evaluate};
use super::glob::{matches, wildcards};
use super::{Caller, Check};

const TEMPLATE: &str = "${username}";

/// Grants, or the message of the last condition that said no.
pub(super) fn decide(
    control: &Value,
    caller: &Caller,
    check: &Check<'_>,
    method: &str,
) -> Result<(), Option<String>> {
    let team = match caller {
        Caller::Person { team, .. } => team.as_deref(),
        Caller::Anonymous | Caller::Server { .. } => None,
    };
    let request = Request {
        method,
        action: check.action,
        repository: check.repository,
        reference: check.reference,
        user: caller.user(),
        groups: caller.groups(),
        team,
        admin: is_admin(control, caller),
    };
    let mut message = None;
    if let Some(group) = deciding(control, check.repository, caller.user()) {
        let policies = list(member(group, "policies"));
        let of_user = policies.iter().filter(|policy| names_user(policy, caller));
        let of_group = policies.iter().filter(|policy| names_group(policy, caller));
        for policy in of_user.chain(of_group) {
            if grants(policy, &request, &mut message) {
                return Ok(());
            }
        }
        let default =
            has(member(group, "defaultPolicy"), check.action) && !caller.user().is_empty();
        if default || has(member(group, "anonymousPolicy"), check.action) {
            return Ok(());
        }
    }
    if is_admin(control, caller) && grants(member(control, "adminPolicy"), &request, &mut message) {
        return Ok(());
    }
    Err(message)
}

/// Returns true if the administrators' policy names the caller.
pub(super) fn is_admin(control: &Value, caller: &Caller) -> bool {
    names_user(member(control, "adminPolicy"), caller)
        || names_group(member(control, "adminPolicy"), caller)
}

/// Returns true if some repository is open to everybody, other than one that is named after its
/// caller.
fn opens_to_anonymous(control: &Value) -> bool {
    patterns(control).any(|(pattern, group)| {
        !pattern.contains(TEMPLATE) && !list(member(group, "anonymousPolicy")).is_empty()
    })
}

/// Returns true if every policy applies to everybody.
pub(super) fn is_anonymous_only(control: &Value) -> bool {
    let others = |group: &Value| {
        !list(member(group, "policies")).is_empty()
            || !list(member(group, "defaultPolicy")).is_empty()
    };
    opens_to_anonymous(control)
        && member(control, "adminPolicy").is_null()
        && !patterns(control).any(|(_, group)| others(group))
}

fn patterns(control: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let entries = member(control, "repositories")
        .as_object()
        .into_iter()
        .flatten();
    entries.map(|(pattern, group)| (pattern.as_str(), group))
}

/// The group of the pattern that decides: the longest with the caller's name put in; of those one
/// without a place for it; then with fewer wildcards; then the first as text.
fn deciding<'a>(control: &'a Value, repository: &str, user: &str) -> Option<&'a Value> {
    let fitting = patterns(control).filter_map(|(pattern, group)| {
        let template = pattern.contains(TEMPLATE);
        if template && !may_name_a_component(user) {
            return None;
        }
        let expanded = pattern.replace(TEMPLATE, user);
        let rank = (
            Reverse(expanded.len()),
            template,
            wildcards(&expanded),
            pattern,
        );
        matches(&expanded, repository).then_some((rank, group))
    });
    fitting
        .min_by(|(one, _), (other, _)| one.cmp(other))
        .map(|(_, group)| group)
}

fn may_name_a_component(user: &str) -> bool {
    let outer = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
    user.starts_with(outer)
        && user.ends_with(outer)
        && user
            .chars()
            .all(|character| outer(character) || "._-".contains(character))
}

fn names_user(policy: &Value, caller: &Caller) -> bool {
    !caller.user().is_empty() && has(member(policy, "users"), caller.user())
}

fn names_group(policy: &Value, caller: &Caller) -> bool {
    caller
        .groups()
        .iter()
        .any(|group| has(member(policy, "groups"), group))
}

fn grants(policy: &Value, request: &Request<'_>, message: &mut Option<String>) -> bool {
    if !has(member(policy, "actions"), request.action) {
        return false;
    }
    for condition in list(member(policy, "conditions")) {
        match evaluate(
            member(condition, "expression").as_str().unwrap_or_default(),
            request,
        ) {
            Some(true) => {}
            Some(false) => {
                if let Some(said) = member(condition, "message").as_str() {
                    *message = Some(said.to_owned());
                }
                return false;
            }
            None => return false,
        }
    }
    true
}

fn has(list_of_texts: &Value, text: &str) -> bool {
    list(list_of_texts)
        .iter()
        .any(|item| item.as_str() == Some(text))
}

/// A member; null if there is none.
fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    value.get(name).unwrap_or(&Value::Null)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
