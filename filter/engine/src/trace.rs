//! The steps of a decision, recorded by the code that decides.
//!
//! Nothing here decides anything, and nothing of it can become a grant. A step holds no token, key
//! or password. Values of claims are in it only as the user name, the groups and the members of
//! `req` that a condition has read.

use std::cell::{Ref, RefCell};
use std::sync::Arc;

use serde::Serialize;

use crate::reason::Reason;

/// A recorder of steps, or none: then recording is a comparison. Causes of refusals are recorded
/// wherever somebody takes them: they cost something only where something is refused.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recorder<'a> {
    trace: Option<&'a Trace>,
    causes: Option<&'a Causes>,
}

/// Why something was refused: what the reason leaves open, such as which expression was false.
#[derive(Debug, Default)]
pub(crate) struct Causes(RefCell<Vec<(Reason, Cause)>>);

/// Why something was refused.
#[derive(Clone, Debug)]
pub(crate) struct Cause {
    /// In words for the log.
    pub(crate) text: String,
    /// In words for the client: only what it may know of its own token.
    pub(crate) detail: Option<Arc<str>>,
}

/// The steps of one decision, in order.
#[derive(Debug, Default)]
pub struct Trace {
    steps: RefCell<Vec<Step>>,
    subject: RefCell<Subject>,
}

/// What a decision is about, as far as it came: for records, also where a step is left out because
/// its result is remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subject {
    /// The actions that the request needs on its repository, each once.
    pub(crate) actions: Vec<&'static str>,
    /// The repository; empty where the request is about none.
    pub(crate) repository: String,
    /// The tag or digest of a manifest.
    pub(crate) reference: String,
    /// The issuer of a token that was verified.
    pub(crate) issuer: Option<String>,
    /// The claims of it that are wanted in records: a JSON object.
    pub(crate) claims: Option<String>,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(
    tag = "step",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Step {
    /// What a token says of itself, before anything of it is verified.
    Token {
        /// The algorithm of its signature; absent for claims that are no token.
        algorithm: Option<String>,
        /// The id of its key.
        key_id: Option<String>,
        /// `iss`
        issuer: Option<String>,
        /// `aud`
        audiences: Vec<String>,
        /// `exp`, in seconds.
        expires: Option<i64>,
    },
    /// A provider was asked about the token.
    Provider {
        /// Its place in the configuration, below `http.auth`.
        place: String,
        /// The issuer that it accepts; any if absent.
        issuer: Option<String>,
        /// The audiences that it accepts.
        audiences: Vec<String>,
        /// The reason why it does not accept the token; absent if it does.
        refused: Option<&'static str>,
    },
    /// An expression of a claim mapping or of a policy was evaluated.
    Expression {
        /// Which one.
        what: Evaluated,
        /// Its text.
        source: Arc<str>,
        /// What it gave.
        outcome: Outcome,
        /// What it has read: members of `req` with their values, and claims that are not there.
        facts: Vec<Fact>,
    },
    /// Who the caller is.
    Caller {
        /// The user name; empty for the anonymous caller.
        user: String,
        /// The groups.
        groups: Vec<String>,
    },
    /// One action on one repository is checked.
    Check {
        /// The action.
        action: &'static str,
        /// The repository.
        repository: String,
        /// The tag or digest; empty where there is none.
        reference: String,
    },
    /// The token's own list of rights was asked first.
    AccessClaim {
        /// True if it has the right.
        covers: bool,
    },
    /// The pattern that decides; absent if none matches.
    Pattern {
        /// Its text.
        text: Option<Arc<str>>,
    },
    /// A rule was considered.
    Rule {
        /// Its place: `policies[0]`, `defaultPolicy`, `adminPolicy`.
        place: String,
        /// Its `name` in the configuration.
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<Arc<str>>,
        /// What came of it.
        outcome: RuleOutcome,
    },
    /// The registry was asked whether a tag exists, or is not known to say.
    Tag {
        /// The repository.
        repository: String,
        /// The tag.
        tag: String,
        /// Its answer; absent if there is none, and the stricter reading applies.
        exists: Option<bool>,
    },
}

/// An expression of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Evaluated {
    /// `variables[..]` of this name.
    Variable(String),
    /// `validations[i]`
    Validation(usize),
    /// `username`
    Username,
    /// `groups`
    Groups,
    /// `conditions[i]` of the rule that is considered.
    Condition(usize),
}

/// What an expression gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// True.
    True,
    /// False, with the message of the configuration.
    False(Option<Arc<str>>),
    /// A value that is no bool.
    Value,
    /// It cannot be evaluated: the kind of error.
    Error(String),
}

/// Something that an expression has read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// Its name: `req.tag`, `claims.repository`.
    pub name: String,
    /// Its value; absent if it is not there.
    pub value: Option<String>,
}

/// What came of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RuleOutcome {
    /// It names neither the user nor a group of the user.
    NotNamed,
    /// It has not this action.
    NotThisAction,
    /// One of its conditions is false, or cannot be evaluated.
    Condition,
    /// It grants.
    Granted,
}

impl<'a> Recorder<'a> {
    /// Records nothing.
    pub const OFF: Self = Self {
        trace: None,
        causes: None,
    };

    /// Records into `trace`.
    #[must_use]
    pub const fn of(trace: &'a Trace) -> Self {
        Self {
            trace: Some(trace),
            causes: None,
        }
    }

    /// The same, and records causes.
    pub(crate) const fn with_causes(self, causes: &'a Causes) -> Self {
        Self {
            causes: Some(causes),
            ..self
        }
    }

    /// Records the cause of a refusal, made only if somebody wants it.
    #[cold]
    #[inline(never)]
    pub(crate) fn because(self, reason: Reason, cause: impl FnOnce() -> String) {
        self.because_of(reason, || cause().into());
    }

    /// As [`because`](Self::because), with what the client gets to know.
    #[cold]
    #[inline(never)]
    pub(crate) fn because_of(self, reason: Reason, cause: impl FnOnce() -> Cause) {
        if let Some(causes) = self.causes {
            causes.add(reason, cause());
        }
    }

    /// Returns the cause of a refusal, if one was recorded.
    pub(crate) fn cause(self, reason: Reason) -> Option<Cause> {
        self.causes?.of(reason)
    }

    /// Notes what the decision is about, if it is recorded.
    #[inline]
    pub(crate) fn note(self, note: impl FnOnce(&mut Subject)) {
        if let Some(trace) = self.trace {
            trace.note(note);
        }
    }

    /// As [`because`](Self::because), unless there is a cause for this reason already.
    #[cold]
    #[inline(never)]
    pub(crate) fn otherwise(self, reason: Reason, cause: impl FnOnce() -> String) {
        if let Some(causes) = self.causes
            && causes.of(reason).is_none()
        {
            causes.add(reason, cause().into());
        }
    }

    /// Returns true if steps are recorded, for what is worth a preparation.
    #[must_use]
    pub const fn is_on(self) -> bool {
        self.trace.is_some()
    }

    /// Records a step, which is made only if somebody wants it.
    #[inline]
    pub(crate) fn record(self, step: impl FnOnce() -> Step) {
        if let Some(trace) = self.trace {
            trace.add(step);
        }
    }
}

impl From<String> for Cause {
    fn from(text: String) -> Self {
        Self { text, detail: None }
    }
}

impl Causes {
    fn add(&self, reason: Reason, cause: Cause) {
        if let Ok(mut causes) = self.0.try_borrow_mut() {
            causes.push((reason, cause));
        }
    }

    /// Returns the last cause of a reason.
    pub(crate) fn of(&self, reason: Reason) -> Option<Cause> {
        let causes = self.0.try_borrow().ok()?;
        let of_reason = causes.iter().rev().find(|(known, _)| *known == reason);
        of_reason.map(|(_, cause)| cause.clone())
    }
}

impl Trace {
    /// Apart, so that the code that decides stays small.
    #[cold]
    #[inline(never)]
    fn add(&self, step: impl FnOnce() -> Step) {
        let step = step();
        // Nobody reads it while a decision is made.
        if let Ok(mut steps) = self.steps.try_borrow_mut() {
            steps.push(step);
        }
    }

    #[cold]
    #[inline(never)]
    fn note(&self, note: impl FnOnce(&mut Subject)) {
        if let Ok(mut subject) = self.subject.try_borrow_mut() {
            note(&mut subject);
        }
    }

    /// Returns what the decision is about.
    pub(crate) fn subject(&self) -> Ref<'_, Subject> {
        self.subject.borrow()
    }

    /// Returns the last result that `find` has of a step.
    pub(crate) fn last<T>(&self, find: impl FnMut(&Step) -> Option<T>) -> Option<T> {
        self.steps.borrow().iter().rev().find_map(find)
    }

    /// Returns the message of the expression that was false last, if it has one.
    pub(crate) fn last_message(&self) -> Option<String> {
        self.last(|step| match step {
            Step::Expression {
                outcome: Outcome::False(message),
                ..
            } => message.as_deref().map(str::to_owned),
            _ => None,
        })
    }

    /// Returns the steps.
    #[must_use]
    pub fn into_steps(self) -> Vec<Step> {
        self.steps.into_inner()
    }
}
