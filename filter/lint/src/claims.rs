//! Claims that tokens of an issuer do not have, or not always, or that change hands.

use super::expression::{Use, Written, call, path, walk};
use super::finding::Finding;
use super::known_claims;
use super::subject::{Issuer, Subject};
use super::well_known::WellKnown;

/// How claims of tokens began that Kubernetes made before 1.21.
const LEGACY: &str = "kubernetes.io/serviceaccount/";

pub(crate) fn find(subject: &Subject<'_>, found: &mut Vec<Finding>) {
    let issuers = subject.issuers();
    for issuer in &issuers {
        for written in &issuer.expressions {
            legacy(written, found);
            if let Some(known) = issuer.known {
                unknown(written, &[known], found);
                optional(written, known, found);
            }
        }
        reusable(subject, issuer, &issuers, found);
    }
    // A condition sees the claims of every issuer, so a claim is unknown if nobody has it.
    let known: Vec<&WellKnown> = issuers.iter().filter_map(|issuer| issuer.known).collect();
    let all_known =
        !known.is_empty() && known.len() == issuers.len() && !subject.has_other_callers();
    for rule in subject.rules() {
        for written in &rule.conditions {
            legacy(written, found);
            if all_known {
                unknown(written, &known, found);
            }
        }
    }
}

/// The claims of an expression by their first name.
fn claims(written: &Written<'_>) -> Vec<String> {
    let named = written.reads().into_iter().filter_map(|path| {
        match path
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .as_slice()
        {
            ["claims", name, ..] | ["req", "claims", name, ..] => Some((*name).to_owned()),
            _ => None,
        }
    });
    let mut all: Vec<String> = named.collect();
    all.sort();
    all.dedup();
    all
}

fn unknown(written: &Written<'_>, known: &[&WellKnown], found: &mut Vec<Finding>) {
    for claim in claims(written) {
        if claim.starts_with(LEGACY)
            || !known.iter().all(|known| known.lacks(&claim))
            || is_guarded(written, &claim)
        {
            continue;
        }
        let names: Vec<&str> = known.iter().map(|known| known.name).collect();
        let pages: Vec<&str> = known.iter().map(|known| known.page).collect();
        let follows = match written.used {
            Use::Condition => "the condition grants nothing",
            _ => "every token of this issuer would be refused (mapping_failed)",
        };
        let message = format!(
            "tokens of {} have no claim `{claim}`: {follows}",
            names.join(" and ")
        );
        let nearest = known
            .iter()
            .find_map(|known| known_claims::nearest(known, &claim));
        let advice = nearest.map_or_else(
            || format!("a claim of {}", pages.join(", ")),
            |nearest| format!("claims.{nearest}; all are in {}", pages.join(", ")),
        );
        let finding = Finding::new("unknown-claim", &written.path, message);
        found.push(finding.at(claim).write(advice));
    }
}

/// In a mapping each token without the claim is refused.
fn optional(written: &Written<'_>, known: &WellKnown, found: &mut Vec<Finding>) {
    if !matches!(written.used, Use::Variable | Use::Username | Use::Groups) {
        return;
    }
    for claim in claims(written) {
        let Some(row) = known.claim(&claim).filter(|row| !row.always) else {
            continue;
        };
        if is_guarded(written, &claim) {
            continue;
        }
        let message = format!(
            "not every token of {} has `{claim}`, and one without is refused (mapping_failed)",
            known.name
        );
        let empty = if row.kind == super::well_known::Kind::List {
            "[]"
        } else {
            "''"
        };
        let finding = Finding::new("optional-claim", &written.path, message).at(claim.as_str());
        found.push(finding.write(format!("claims.?{claim}.orValue({empty})")));
    }
}

/// Returns true if the expression asks whether the claim is there.
fn is_guarded(written: &Written<'_>, claim: &str) -> bool {
    let mut guarded = written.source.contains(".?") || written.source.contains("[?");
    walk(&written.tree, &mut |node| {
        let is_test =
            matches!(&node.expr, cel_interpreter::common::ast::Expr::Select(select) if select.test);
        let names_claim = || path(node).is_some_and(|path| path.iter().any(|name| name == claim));
        if is_test && names_claim() {
            guarded = true;
        }
        if let Some(("@in", arguments)) = call(node)
            && arguments
                .first()
                .and_then(|first| super::expression::text(first))
                == Some(claim)
        {
            guarded = true;
        }
    });
    guarded
}

fn legacy(written: &Written<'_>, found: &mut Vec<Finding>) {
    for claim in claims(written) {
        let Some(rest) = claim.strip_prefix(LEGACY) else {
            continue;
        };
        let now = match rest {
            "namespace" => "claims['kubernetes.io'].namespace",
            "service-account.uid" => "claims['kubernetes.io'].serviceaccount.uid",
            _ => "claims['kubernetes.io'].serviceaccount.name",
        };
        let message = format!(
            "`{claim}` is in tokens of secrets, which Kubernetes has not made by itself since 1.24; those of pods have none"
        );
        let finding =
            Finding::new("legacy-kubernetes-claim", &written.path, message).at(claim.as_str());
        found.push(finding.write(now));
    }
}

/// Names without an id next to them.
fn reusable(
    subject: &Subject<'_>,
    issuer: &Issuer<'_>,
    issuers: &[Issuer<'_>],
    found: &mut Vec<Finding>,
) {
    let Some(known) = issuer.known else {
        return;
    };
    let mut read: Vec<(&Written<'_>, Vec<String>)> = issuer
        .expressions
        .iter()
        .filter(|written| written.used != Use::Groups)
        .map(|written| (written, claims(written)))
        .collect();
    // A comparison says more than a name that is put together.
    read.sort_by_key(|(written, _)| written.used != Use::Validation);
    let ids = |name: &str| known.reused.iter().any(|(_, id)| *id == name);
    let pins = |claims: &[String]| claims.iter().any(|claim| ids(claim));
    if read
        .iter()
        .any(|(written, claims)| written.used != Use::Variable && pins(claims))
    {
        return;
    }
    // A condition may hold the id.
    let alone = issuers.len() == 1;
    if alone
        && subject
            .rules()
            .iter()
            .flat_map(|rule| &rule.conditions)
            .any(|written| pins(&claims(written)))
    {
        return;
    }
    let named = read.iter().find_map(|(written, claims)| {
        let row = known
            .reused
            .iter()
            .find(|(name, _)| claims.iter().any(|claim| claim == name))?;
        Some((written, row))
    });
    if let Some((written, (name, id))) = named {
        let message = format!(
            "`{name}` is a name of {} that somebody else can get when it is given up or renamed",
            known.name
        );
        let advice = if known.example.contains(id) {
            format!("a validation of the id too, such as {}", known.example)
        } else {
            format!("claims.{id}, which never changes hands")
        };
        let finding = Finding::new("reusable-name", &written.path, message).at(*name);
        found.push(finding.write(advice));
    }
}
