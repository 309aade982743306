//! A case as text for people.

use std::fmt::Write as _;

use registry_auth_engine::engine::{Report, Simulated};
use registry_auth_engine::trace::{Evaluated, Fact, Outcome, RuleOutcome, Step};

use crate::case::Case;

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
    let width = case.reports.iter();
    let width = width.map(|(asked, _)| asked.to_string().chars().count());
    let width = width.max().unwrap_or_default().min(ALIGNED);
    for (index, (asked, report)) in case.reports.iter().enumerate() {
        let label = if index == 0 { "request" } else { "" };
        let outcome = outcome(&report.outcome);
        line(
            &mut text,
            &format!("{label:<8} {:<width$}  {outcome}", asked.to_string()),
        );
        if !report.outcome.is_granted() {
            break;
        }
    }
    if let Some((_, report)) = shown {
        rules(&mut text, report);
    }
    text
}

fn line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}

fn verdict(outcome: &Simulated) -> String {
    match outcome {
        Simulated::Allowed(_) | Simulated::Answered(_) => "ALLOWED".to_owned(),
        Simulated::Unknown(why) => format!("UNKNOWN: {why}"),
        Simulated::Refused(reason, message) => {
            let descriptor = reason.descriptor();
            let said = message.as_deref().unwrap_or(descriptor.message);
            format!("REFUSED {} {}: {said}", descriptor.status, descriptor.code)
        }
    }
}

/// Returns what a request gets, in some words.
#[must_use]
pub fn outcome(outcome: &Simulated) -> String {
    match outcome {
        Simulated::Allowed(rule) => format!("allowed by {rule}"),
        Simulated::Answered(what) => format!("answered by the filter ({what})"),
        Simulated::Unknown(why) => format!("not known: {why}"),
        Simulated::Refused(reason, _) => format!("refused: {}", reason.descriptor().label),
    }
}

/// The steps until the caller is known.
fn caller(text: &mut String, report: &Report) {
    for step in &report.steps {
        match step {
            Step::Token {
                algorithm,
                key_id,
                issuer,
                audiences,
                ..
            } => {
                let key = key_id.as_deref().unwrap_or("no key id");
                let issuer = issuer.as_deref().unwrap_or("none");
                line(
                    text,
                    &format!(
                        "token    {algorithm}, key {key}, issuer {issuer}, audience {}",
                        listed(audiences)
                    ),
                );
            }
            Step::Provider {
                place,
                issuer,
                audiences,
                refused,
            } => {
                let issuer = issuer.as_deref().unwrap_or("any issuer");
                let outcome = refused.map_or_else(
                    || "takes the token".to_owned(),
                    |reason| format!("does not: {reason}"),
                );
                line(
                    text,
                    &format!(
                        "issuer   {issuer} ({place}), audience {}: {outcome}",
                        listed(audiences)
                    ),
                );
            }
            Step::Expression {
                what,
                source,
                outcome,
                facts,
            } if !matches!(what, Evaluated::Condition(_)) => {
                line(text, &expression(what, source, outcome, facts));
            }
            Step::Caller { user, groups } => {
                let user = if user.is_empty() { "anonymous" } else { user };
                line(
                    text,
                    &format!("user     {user}   groups {}", listed(groups)),
                );
            }
            _ => {}
        }
    }
}

/// The steps of the policy. What is checked twice, because a tag may exist or not, is shown once.
fn rules(text: &mut String, report: &Report) {
    let mut shown: Vec<String> = Vec::new();
    let mut conditions = String::new();
    let mut add = |text: &mut String, what: String| {
        if !shown.contains(&what) {
            line(text, &what);
            shown.push(what);
        }
    };
    for step in &report.steps {
        match step {
            Step::Check {
                action,
                repository,
                reference,
            } => {
                let what = format!("check    {action} {repository} {reference}");
                add(text, what.trim_end().to_owned());
            }
            Step::AccessClaim { covers } => {
                let words = if *covers { "covers" } else { "does not cover" };
                add(
                    text,
                    format!("  {words} it: the token's own list of rights"),
                );
            }
            Step::Pattern { text: pattern } => add(
                text,
                match pattern {
                    Some(pattern) => format!("pattern  {pattern}"),
                    None => "pattern  none matches".to_owned(),
                },
            ),
            Step::Tag {
                repository,
                tag,
                exists,
            } => {
                let answer = match exists {
                    Some(true) => "exists",
                    Some(false) => "does not exist",
                    None => "is not known to exist: both create and update are needed",
                };
                add(text, format!("tag      {repository}:{tag} {answer}"));
            }
            Step::Expression {
                what: what @ Evaluated::Condition(_),
                source,
                outcome,
                facts,
            } => conditions = expression(what, source, outcome, facts),
            Step::Rule { place, outcome } => {
                let (mark, why) = match outcome {
                    RuleOutcome::Granted => ("yes", "grants it".to_owned()),
                    RuleOutcome::NotNamed => {
                        ("no", "names neither the user nor a group".to_owned())
                    }
                    RuleOutcome::NotThisAction => ("no", "has not this action".to_owned()),
                    RuleOutcome::Condition => ("no", conditions.trim_start().to_owned()),
                };
                add(text, format!("  {mark:<6} {place}: {why}"));
            }
            _ => {}
        }
    }
}

fn expression(what: &Evaluated, source: &str, outcome: &Outcome, facts: &[Fact]) -> String {
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
    let mut text = format!("  {mark:<6} {place} `{source}`{result}");
    if mark == "no" {
        for fact in facts {
            let Fact { name, value } = fact;
            // Writing to a string cannot fail.
            let _ = match value {
                Some(value) => write!(text, ", {name} = '{value}'"),
                None => write!(text, ", the token has no `{name}`"),
            };
        }
    }
    text
}

fn listed(texts: &[String]) -> String {
    if texts.is_empty() {
        "none".to_owned()
    } else {
        texts.join(", ")
    }
}
