//! The steps of a decision, each with what it means and where it is written.

use std::sync::Arc;

use registry_auth_engine::authz::named;
use registry_auth_engine::engine::Engine;
use registry_auth_engine::trace::{Evaluated, Fact, Outcome, RuleOutcome, Step};
use serde::Serialize;

use crate::path;
use crate::places::{Place, Places};

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mark {
    /// It let the request go on.
    Yes,
    /// It did not.
    No,
    /// It does not apply.
    Skip,
    /// It says something.
    Info,
}

/// A step for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shown {
    /// The kind of step: `token`, `expression`, `provider`, `caller`, `check`, `claim`, `pattern`,
    /// `hidden`, `condition`, `rule`, `tag`.
    pub(crate) kind: &'static str,
    /// What came of it.
    pub(crate) mark: Mark,
    /// What it is, in some words.
    pub(crate) title: String,
    /// The text of an expression or a pattern; may be absent.
    pub(crate) code: Option<String>,
    /// What more is known, one line each.
    pub(crate) notes: Vec<String>,
    /// Its path in the configuration; may be empty.
    pub(crate) path: String,
    /// Its place in the text.
    pub(crate) place: Option<Place>,
}

/// Converts the steps of a report of `engine`.
#[must_use]
pub(crate) fn shown(steps: &[Step], engine: &Engine, places: &Places) -> Vec<Shown> {
    let mut shown = Vec::new();
    let mut pattern: Option<Arc<str>> = None;
    let (mut claimed, mut user, mut repository) = (None, None, None);
    for (index, step) in steps.iter().enumerate() {
        match step {
            Step::Token { issuer, .. } => {
                claimed = issuer.as_deref();
                shown.extend(token(step));
            }
            Step::Provider { .. } => shown.extend(provider(step, claimed)),
            Step::Expression { .. } => {
                let (_, rest) = steps.split_at(index);
                shown.extend(expression(step, rest, pattern.as_deref(), places));
            }
            Step::Pattern { text } => {
                pattern.clone_from(text);
                shown.push(deciding(text.as_deref()));
                if let Some(repository) = repository.filter(|_| text.is_some()) {
                    let matching = engine.patterns(repository, user);
                    shown.extend(matching.iter().skip(1).map(|text| loser(text)));
                }
            }
            Step::Rule {
                place,
                name,
                outcome,
            } => {
                let label = named(place, name.as_deref());
                shown.push(rule((place, &label), *outcome, pattern.as_deref()));
            }
            _ => {
                match step {
                    Step::Caller { user: name, .. } if !name.is_empty() => {
                        user = Some(name.as_str());
                    }
                    Step::Check {
                        repository: name, ..
                    } => repository = Some(name.as_str()),
                    _ => {}
                }
                shown.extend(other(step));
            }
        }
    }
    for step in &mut shown {
        if step.place.is_none() && !step.path.is_empty() {
            step.place = places.of(&step.path);
        }
    }
    shown
}

impl Shown {
    fn new(kind: &'static str, mark: Mark, title: impl Into<String>) -> Self {
        Self {
            kind,
            mark,
            title: title.into(),
            code: None,
            notes: Vec::new(),
            path: String::new(),
            place: None,
        }
    }
}

fn token(step: &Step) -> Option<Shown> {
    let Step::Token {
        algorithm,
        key_id,
        issuer,
        audiences,
        ..
    } = step
    else {
        return None;
    };
    let title = if algorithm.is_some() {
        "the token"
    } else {
        "the claims"
    };
    let mut shown = Shown::new("token", Mark::Info, title);
    let mut note = |name: &str, value: &str| shown.notes.push(format!("{name} {value}"));
    note("issuer", issuer.as_deref().unwrap_or("none"));
    if !audiences.is_empty() {
        note("audience", &audiences.join(", "));
    }
    if let Some(algorithm) = algorithm {
        note("signed with", algorithm);
    }
    if let Some(key) = key_id {
        note("key", key);
    }
    Some(shown)
}

fn provider(step: &Step, claimed: Option<&str>) -> Option<Shown> {
    let Step::Provider {
        place,
        issuer,
        audiences,
        refused,
    } = step
    else {
        return None;
    };
    let name = issuer.as_deref().unwrap_or("any issuer");
    let (mark, title) = match refused {
        None => (Mark::Yes, format!("{name} accepts it")),
        // Another entry may be the one.
        Some("unknown_issuer") => (Mark::Skip, format!("{name} is another issuer")),
        Some(reason) => (Mark::No, format!("{name} refuses it: {reason}")),
    };
    let mut shown = Shown::new("provider", mark, title);
    if *refused == Some("wrong_audience") {
        let wanted = audiences.join(", ");
        shown.notes.push(format!("wanted is the audience {wanted}"));
    }
    let is_near = claimed.zip(issuer.as_deref()).is_some_and(|(one, other)| {
        let [one, other] = [one, other].map(|name| name.trim_end_matches('/'));
        one.eq_ignore_ascii_case(other)
    });
    if *refused == Some("unknown_issuer") && is_near {
        let note = "the names differ by upper case or by the `/` at the end";
        shown.notes.push(note.to_owned());
    }
    shown.path = format!("http.auth.{place}");
    Some(shown)
}

/// An expression; the step that says whose it is follows it.
fn expression(step: &Step, rest: &[Step], pattern: Option<&str>, places: &Places) -> Option<Shown> {
    let Step::Expression {
        what,
        source,
        outcome,
        facts,
    } = step
    else {
        return None;
    };
    let provider = rest.iter().find_map(|step| match step {
        Step::Provider { place, .. } => Some(format!("http.auth.{place}.claimMapping")),
        _ => None,
    });
    let mapping = provider.unwrap_or_default();
    let (kind, title, path) = match what {
        Evaluated::Variable(name) => (
            "expression",
            format!("variable {name}"),
            variable(&mapping, name, places),
        ),
        Evaluated::Validation(index) => (
            "expression",
            "validation".to_owned(),
            format!("{mapping}.validations[{index}].expression"),
        ),
        Evaluated::Username => (
            "expression",
            "username".to_owned(),
            format!("{mapping}.username"),
        ),
        Evaluated::Groups => (
            "expression",
            "groups".to_owned(),
            format!("{mapping}.groups"),
        ),
        Evaluated::Condition(index) => {
            let rule = rest.iter().find_map(|step| match step {
                Step::Rule { place, .. } => Some(place.as_str()),
                _ => None,
            });
            let rule = path::of_rule(pattern, rule.unwrap_or_default());
            (
                "condition",
                "condition".to_owned(),
                format!("{rule}.conditions[{index}].expression"),
            )
        }
    };
    let (mark, said) = match outcome {
        Outcome::True => (Mark::Yes, " is true".to_owned()),
        Outcome::Value => (Mark::Yes, String::new()),
        Outcome::False(_) => (Mark::No, " is false".to_owned()),
        Outcome::Error(kind) => (Mark::No, format!(" cannot be evaluated: {kind}")),
    };
    let mut shown = Shown::new(kind, mark, title + &said);
    shown.code = Some(source.to_string());
    shown.notes = facts.iter().map(fact).collect();
    if let Outcome::False(Some(message)) = outcome {
        shown.notes.insert(0, format!("\u{201c}{message}\u{201d}"));
    }
    shown.path = path;
    Some(shown)
}

fn fact(fact: &Fact) -> String {
    match &fact.value {
        Some(value) => format!("{} is '{value}'", fact.name),
        None => format!("there is no {}", fact.name),
    }
}

/// The path of a variable, which is known by its name.
fn variable(mapping: &str, name: &str, places: &Places) -> String {
    let at = |index: usize| format!("{mapping}.variables[{index}]");
    let index = (0..).map_while(|index| {
        let text = places.scalar(&format!("{}.name", at(index)))?;
        Some((index, text))
    });
    let found = index.take(64).find(|(_, text)| *text == name);
    let found = found.map_or_else(String::new, |(index, _)| at(index));
    format!("{found}.expression")
}

fn deciding(pattern: Option<&str>) -> Shown {
    match pattern {
        None => Shown::new("pattern", Mark::No, "no pattern matches the repository"),
        Some(pattern) => Shown {
            code: Some(pattern.to_owned()),
            path: path::of_pattern(pattern),
            ..Shown::new("pattern", Mark::Info, "the longest pattern decides")
        },
    }
}

fn loser(pattern: &str) -> Shown {
    Shown {
        code: Some(pattern.to_owned()),
        path: path::of_pattern(pattern),
        ..Shown::new("hidden", Mark::Skip, "matches too, and does not count")
    }
}

fn rule((place, label): (&str, &str), outcome: RuleOutcome, pattern: Option<&str>) -> Shown {
    let (mark, said) = match outcome {
        RuleOutcome::Granted => (Mark::Yes, "grants it"),
        RuleOutcome::NotNamed => (Mark::Skip, "names neither the user nor a group"),
        RuleOutcome::NotThisAction => (Mark::Skip, "does not have this action"),
        RuleOutcome::Condition => (Mark::No, "would grant it, but for its condition"),
    };
    Shown {
        path: path::of_rule(pattern, place),
        ..Shown::new("rule", mark, format!("{label} {said}"))
    }
}

fn other(step: &Step) -> Option<Shown> {
    Some(match step {
        Step::Caller { user, groups } => {
            let title = if user.is_empty() {
                "the caller is nobody in particular".to_owned()
            } else {
                format!("the caller is {user}")
            };
            let mut shown = Shown::new("caller", Mark::Info, title);
            if !groups.is_empty() {
                shown.notes.push(format!("groups {}", groups.join(", ")));
            }
            shown
        }
        Step::Check {
            action,
            repository,
            reference,
        } => {
            let target = if reference.is_empty() || reference.starts_with("sha256:") {
                repository.clone()
            } else {
                format!("{repository}:{reference}")
            };
            Shown::new("check", Mark::Info, format!("{action} {target}"))
        }
        Step::AccessClaim { covers: true } => Shown::new(
            "claim",
            Mark::Yes,
            "the token's own list of rights covers it",
        ),
        Step::AccessClaim { covers: false } => Shown::new(
            "claim",
            Mark::No,
            "the token's own list of rights does not cover it",
        ),
        Step::Tag {
            repository,
            tag,
            exists,
        } => {
            let answer = match exists {
                Some(true) => "exists, so that update is needed",
                Some(false) => "does not exist, so that create is needed",
                None => "may exist or not, so that create and update are needed",
            };
            Shown::new("tag", Mark::Info, format!("{repository}:{tag} {answer}"))
        }
        _ => return None,
    })
}
