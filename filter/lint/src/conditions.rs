//! Conditions and validations that are the same for everybody.

use cel_interpreter::IdedExpr;
use cel_interpreter::common::ast::{Expr, LiteralValue, operators};

use super::expression::{Use, Written, call, path, walk};
use super::finding::Finding;
use super::samples::{Outcome, Requests, outcome};
use super::subject::{Issuer, Rule, Subject};
use super::well_known::{Kind, WellKnown};

pub(crate) fn find(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let issuers = subject.issuers();
    for issuer in &issuers {
        for written in issuer.of(Use::Validation) {
            let types = |path: &[String]| is_text(path, issuer.known.as_slice());
            let outcome = outcome(written.source, &written.tree, Requests::No, &types);
            found.extend(of_validation(issuer, written, outcome));
        }
    }
    let others = subject.has_other_callers() || issuers.iter().any(|issuer| issuer.known.is_none());
    let known: Vec<&WellKnown> = issuers.iter().filter_map(|issuer| issuer.known).collect();
    let known = if others { Vec::new() } else { known };
    for rule in subject.rules() {
        for written in &rule.conditions {
            let types = |path: &[String]| is_text(path, &known);
            found.extend(of_condition(&rule, written, &types));
        }
    }
}

fn of_validation(
    issuer: &Issuer<'_>,
    written: &Written<'_>,
    outcome: Option<Outcome>,
) -> Option<Finding> {
    let outcome = outcome?;
    if !outcome.can_be_true {
        let why = other_for_text(written, issuer.known.as_slice());
        let message = format!(
            "is true for no token, so every token of this issuer would be refused (validation_failed){}",
            why.as_ref()
                .map(|(claim, _)| format!(": `{claim}` is a text"))
                .unwrap_or_default()
        );
        let advice = why.map_or_else(
            || "a comparison with a value that tokens have".to_owned(),
            |(claim, other)| format!("claims.{claim} == '{other}'"),
        );
        return Some(Finding::new("never-true", &written.path, message).write(advice));
    }
    if outcome.can_be_else {
        return None;
    }
    let message = "is true for every token, so it restricts nothing";
    let id = if written.source.trim() == "true" {
        "empty-restriction"
    } else {
        "always-true"
    };
    Some(
        Finding::new(id, &written.path, message).write("a comparison that some tokens do not pass"),
    )
}

fn of_condition(
    rule: &Rule<'_>,
    written: &Written<'_>,
    types: &dyn Fn(&[String]) -> Option<bool>,
) -> Option<Finding> {
    let actions = &rule.raw.actions;
    let outcome = |requests| outcome(written.source, &written.tree, requests, types);
    let all = outcome(Requests::All(actions))?;
    if actions.is_empty() {
        return None;
    }
    if !all.can_be_true {
        let elsewhere = outcome_of_everything(written, types);
        let message = if written.source.contains("req.action") {
            format!(
                "is true for no request that this rule grants: `req.action` is one of {}",
                actions.join(", ")
            )
        } else if elsewhere {
            "is true for no request that this rule grants".to_owned()
        } else {
            "is true for no request, so the rule grants nothing".to_owned()
        };
        let advice = "a comparison that some requests pass; a push is `create` (new) or `update` (a tag that exists)";
        return Some(Finding::new("never-true", &written.path, message).write(advice));
    }
    if !all.can_be_else {
        let id = if written.source.trim() == "true" {
            "empty-restriction"
        } else {
            "always-true"
        };
        let message = "is true for every request that this rule grants, so it restricts nothing";
        return Some(
            Finding::new(id, &written.path, message)
                .write("a comparison that some requests do not pass, or no condition"),
        );
    }
    let writes = actions
        .iter()
        .any(|action| action == "create" || action == "update");
    if writes
        && written.source.contains("req.")
        && !outcome(Requests::Uploads)?.can_be_true
        && outcome(Requests::Tags(actions))?.can_be_true
    {
        let message = "false without a tag, so new layers get 403";
        let advice = format!("req.tag == '' || {}", parenthesised(written.source));
        return Some(Finding::new("blocks-uploads", &written.path, message).write(advice));
    }
    None
}

/// Returns true if some request at all passes.
fn outcome_of_everything(written: &Written<'_>, types: &dyn Fn(&[String]) -> Option<bool>) -> bool {
    let every = ["read", "create", "update", "delete"].map(str::to_owned);
    outcome(written.source, &written.tree, Requests::All(&every), types)
        .is_some_and(|outcome| outcome.can_be_true)
}

fn parenthesised(source: &str) -> String {
    if source.contains("&&") {
        format!("({source})")
    } else {
        source.to_owned()
    }
}

/// Whether a claim is a text: `None` if it is not known.
fn is_text(path: &[String], known: &[&WellKnown]) -> Option<bool> {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    match names.as_slice() {
        ["claims", name] | ["req", "claims", name] => {
            let mut kinds = known
                .iter()
                .map(|known| known.claim(name).map(|claim| claim.kind));
            let first = kinds.next()??;
            kinds
                .all(|kind| kind == Some(first))
                .then_some(first == Kind::Text)
        }
        [
            "req",
            "action" | "tag" | "reference" | "repository" | "digest" | "referenceType" | "method"
            | "userAgent",
        ]
        | ["req", "user", "username"] => Some(true),
        _ => None,
    }
}

/// A claim that is a text and is compared with something else: the claim, and that as it is written.
fn other_for_text(written: &Written<'_>, known: &[&WellKnown]) -> Option<(String, String)> {
    let mut found = None;
    walk(&written.tree, &mut |node| {
        let Some((operators::EQUALS, arguments)) = call(node) else {
            return;
        };
        let read = arguments.iter().find_map(|argument| path(argument));
        let other = arguments.iter().find_map(|argument| shown(argument));
        if let (Some(read), Some(other)) = (read, other)
            && is_text(&read, known) == Some(true)
            && let Some(name) = read.last()
        {
            found = Some((name.clone(), other));
        }
    });
    found
}

/// A literal that is no text, as it is written.
fn shown(node: &IdedExpr) -> Option<String> {
    let Expr::Literal(literal) = &node.expr else {
        return None;
    };
    match literal {
        LiteralValue::Boolean(bool) => Some(bool.inner().to_string()),
        LiteralValue::Double(number) => Some(number.inner().to_string()),
        LiteralValue::Int(number) => Some(number.inner().to_string()),
        LiteralValue::UInt(number) => Some(number.inner().to_string()),
        _ => None,
    }
}
