//! A case as text for people.

use std::sync::Arc;

use registry_auth_engine::authz::named;
use registry_auth_engine::engine::{Report, Simulated};
use registry_auth_engine::trace::{Evaluated, Fact, Outcome, RuleOutcome, Step};

use crate::case::Case;
use crate::plain;
use crate::words::{Asked, DIGEST};

/// The longest request that others are aligned with, in characters.
const ALIGNED: usize = 60;

/// Returns the text: the verdict, then who asks, the requests, and the rules of the one that was
/// decided last. It ends with a line break.
#[must_use]
pub fn text(case: &Case) -> String {
    let mut text = String::new();
    let stop = case.stops_at();
    let shown = stop.or_else(|| case.reports.last());
    let verdict = match stop {
        None => "ALLOWED".to_owned(),
        Some((_, report)) => verdict(&report.outcome),
    };
    line(&mut text, &format!("{verdict}  ({})", case.words));
    if let Some((_, report)) = shown {
        caller(&mut text, report);
    }
    let requests: Vec<_> = case.reports.iter().map(|(asked, _)| short(asked)).collect();
    let width = requests.iter().map(|request| request.chars().count());
    let width = width.max().unwrap_or_default().min(ALIGNED);
    for (index, ((_, report), request)) in case.reports.iter().zip(&requests).enumerate() {
        let label = if index == 0 { "request" } else { "" };
        let outcome = outcome(report);
        line(
            &mut text,
            &format!("{label:<8} {request:<width$}  {outcome}"),
        );
        if !report.outcome.is_granted() {
            break;
        }
    }
    if let Some((_, report)) = shown {
        rules(&mut text, report, &case.hidden);
    }
    if !case.nearest.is_empty() {
        line(
            &mut text,
            &format!("nearest  {}", case.nearest.join("; or ")),
        );
    }
    text
}

/// A request, with the digest that stands for any left out.
fn short(asked: &Asked) -> String {
    asked.to_string().replace(DIGEST, "sha256:...")
}

fn line(text: &mut String, line: &str) {
    text.push_str(&plain::line(line.trim_end()));
    text.push('\n');
}

/// The verdict in one line, with the status and the code of the answer.
#[must_use]
pub fn verdict(outcome: &Simulated) -> String {
    match outcome {
        Simulated::Allowed(_) | Simulated::Answered(_) => "ALLOWED".to_owned(),
        Simulated::Unknown(why) => format!("UNKNOWN: {why}"),
        Simulated::Refused(reason, message) => {
            let descriptor = reason.descriptor();
            let said = match message.as_deref() {
                Some(message) => message.to_owned(),
                None => format!("{} ({})", descriptor.message, descriptor.label),
            };
            format!("REFUSED {} {}: {said}", descriptor.status, descriptor.code)
        }
    }
}

/// Returns what a request gets, in some words.
#[must_use]
pub fn outcome(report: &Report) -> String {
    match &report.outcome {
        Simulated::Allowed(rule) => format!("allowed by {}", named(rule, granting(report))),
        Simulated::Answered(what) => format!("answered by the filter ({what})"),
        Simulated::Unknown(why) => format!("not known: {why}"),
        Simulated::Refused(reason, _) => format!("refused: {}", reason.descriptor().label),
    }
}

/// The name of the rule that grants.
fn granting(report: &Report) -> Option<&str> {
    let mut last = report.steps.iter().rev();
    last.find_map(|step| match step {
        Step::Rule {
            outcome: RuleOutcome::Granted,
            name,
            ..
        } => Some(name.as_deref()),
        _ => None,
    })?
}

/// The steps until the caller is known, the providers first.
fn caller(text: &mut String, report: &Report) {
    let mut expressions: Vec<String> = Vec::new();
    let mut claimed: Option<&str> = None;
    for step in &report.steps {
        match step {
            Step::Token {
                algorithm,
                key_id,
                issuer,
                audiences,
                ..
            } => {
                claimed = issuer.as_deref();
                let signed = algorithm.as_ref().map(|name| format!("{name}, "));
                let key = key_id.as_ref().map(|key| format!("key {key}, "));
                let shown = format!(
                    "token    {}{}issuer {}, audience {}",
                    signed.unwrap_or_default(),
                    key.unwrap_or_default(),
                    claimed.unwrap_or("none"),
                    listed(audiences)
                );
                line(text, &shown);
            }
            Step::Provider {
                place,
                issuer,
                audiences,
                refused,
            } => {
                let is_near = claimed.zip(issuer.as_deref()).is_some_and(|(one, other)| {
                    let [one, other] = [one, other].map(|name| name.trim_end_matches('/'));
                    one.eq_ignore_ascii_case(other)
                });
                let why = match refused {
                    None => String::new(),
                    Some("unknown_issuer") if is_near => {
                        ": unknown_issuer, the names differ by upper case or by the `/` at the end"
                            .to_owned()
                    }
                    Some(reason) => format!(": {reason}"),
                };
                let issuer = issuer.as_deref().unwrap_or("any issuer");
                let audiences = listed(audiences);
                line(
                    text,
                    &format!("issuer   {issuer} ({place}), audience {audiences}{why}"),
                );
                for shown in expressions.drain(..) {
                    line(text, &shown);
                }
            }
            Step::Expression {
                what,
                source,
                outcome,
                facts,
            } if !matches!(what, Evaluated::Condition(_)) => {
                let (mark, shown) = expression(what, source, outcome, facts);
                expressions.push(format!("  {mark:<6} {shown}"));
            }
            Step::Caller { user, groups } => {
                let user = if user.is_empty() { "anonymous" } else { user };
                let groups = listed(groups);
                line(text, &format!("user     {user}   groups {groups}"));
            }
            _ => {}
        }
    }
}

/// What was found for one or more actions.
#[derive(Default)]
struct Checked {
    actions: Vec<&'static str>,
    target: String,
    lines: Vec<String>,
}

/// The steps of the policy: for each action, or for several with the same rules.
fn rules(text: &mut String, report: &Report, hidden: &[Arc<str>]) {
    let mut all: Vec<Checked> = Vec::new();
    let mut tags = Vec::new();
    let mut condition = String::new();
    for step in &report.steps {
        let shown = match step {
            Step::Check {
                action,
                repository,
                reference,
            } => {
                merge(&mut all);
                all.push(Checked {
                    actions: vec![action],
                    target: format!("{repository} {reference}"),
                    lines: Vec::new(),
                });
                continue;
            }
            Step::Tag {
                repository,
                tag,
                exists,
            } => {
                let answer = match exists {
                    Some(true) => "exists: update is needed",
                    Some(false) => "does not exist: create is needed",
                    None => "is not known to exist: create and update are needed",
                };
                tags.push(format!("tag      {repository}:{tag} {answer}"));
                continue;
            }
            Step::AccessClaim { covers: true } => {
                "  yes    the token's own list of rights covers it".to_owned()
            }
            Step::AccessClaim { covers: false } => {
                "  no     the token's own list of rights does not cover it".to_owned()
            }
            Step::Pattern { text: None } => "pattern  none matches".to_owned(),
            Step::Pattern {
                text: Some(pattern),
            } if hidden.is_empty() => format!("pattern  {pattern}"),
            Step::Pattern {
                text: Some(pattern),
            } => format!("pattern  {pattern}  (hides {})", hidden.join(", ")),
            Step::Expression {
                what: what @ Evaluated::Condition(_),
                source,
                outcome,
                facts,
            } => {
                (_, condition) = expression(what, source, outcome, facts);
                continue;
            }
            Step::Rule {
                place,
                name,
                outcome,
            } => {
                let place = named(place, name.as_deref());
                let (mark, why) = match outcome {
                    RuleOutcome::Granted => ("yes", "grants it"),
                    RuleOutcome::NotNamed => ("no", "names neither the user nor a group"),
                    RuleOutcome::NotThisAction => ("no", "has not this action"),
                    RuleOutcome::Condition => ("no", condition.as_str()),
                };
                format!("  {mark:<6} {place}: {why}")
            }
            Step::Token { .. }
            | Step::Provider { .. }
            | Step::Expression { .. }
            | Step::Caller { .. } => continue,
        };
        if let Some(last) = all.last_mut()
            && !last.lines.contains(&shown)
        {
            last.lines.push(shown);
        }
    }
    merge(&mut all);
    for Checked {
        actions,
        target,
        lines,
    } in &all
    {
        let actions = actions.join("|");
        line(text, &format!("check    {actions} {target}"));
        for shown in lines {
            line(text, shown);
        }
    }
    for tag in tags {
        line(text, &tag);
    }
}

/// Puts the last one together with an earlier one of the same rules.
fn merge(all: &mut Vec<Checked>) {
    let Some(last) = all.pop() else {
        return;
    };
    let same = |known: &&mut Checked| known.target == last.target && known.lines == last.lines;
    match all.iter_mut().find(same) {
        Some(known) => {
            let new = last.actions.iter();
            let new: Vec<_> = new
                .filter(|action| !known.actions.contains(action))
                .copied()
                .collect();
            known.actions.extend(new);
        }
        None => all.push(last),
    }
}

/// The mark of an expression, and what it is.
fn expression(
    what: &Evaluated,
    source: &str,
    outcome: &Outcome,
    facts: &[Fact],
) -> (&'static str, String) {
    let place = match what {
        Evaluated::Variable(name) => format!("variable `{name}`"),
        Evaluated::Validation(index) => format!("validations[{index}]"),
        Evaluated::Username => "username".to_owned(),
        Evaluated::Groups => "groups".to_owned(),
        Evaluated::Condition(index) => format!("conditions[{index}]"),
    };
    let (mark, result) = match outcome {
        Outcome::True | Outcome::Value => ("ok", String::new()),
        Outcome::False(_) => ("no", " is false".to_owned()),
        Outcome::Error(kind) => ("no", format!(" cannot be evaluated: {kind}")),
    };
    let mut text = format!("{place} `{source}`{result}");
    if mark == "no" {
        for Fact { name, value } in facts {
            let shown = match value {
                Some(value) => format!(", {name} = '{value}'"),
                None => format!(", the token has no `{name}`"),
            };
            text.push_str(&shown);
        }
    }
    (mark, text)
}

fn listed(texts: &[String]) -> String {
    if texts.is_empty() {
        "none".to_owned()
    } else {
        texts.join(", ")
    }
}
