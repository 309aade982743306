//! The record of a decision: one JSON object in one line, made of what was recorded while it was
//! decided.
//!
//! It holds no token, key or password, and of the claims those that `log.decisions.claims` names.

mod object;
mod sealed;

use std::sync::Arc;
use std::time::Duration;

use crate::decision::{Denied, Grant, GrantRule, LocalReply};
use crate::reason::Reason;
use crate::reply::ReplyTo;
use crate::time::UnixTime;
use crate::trace::{Outcome, RuleOutcome, Step, Subject, Trace};

use object::Object;

/// A decision, with what is known about it.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// What was decided.
    pub decided: Decided<'a>,
    /// The steps to it; without them less is known.
    pub trace: Option<&'a Trace>,
    /// When; absent without a clock.
    pub time: Option<UnixTime>,
    /// How long the request has waited for facts.
    pub waited: Duration,
    /// The request.
    pub request: ReplyTo<'a>,
    /// The address of the client; empty if it is not known.
    pub client: &'a str,
    /// What tells this configuration from others.
    pub policy: &'a str,
    /// What the next policy says.
    pub shadow: Option<Other<'a>>,
}

/// What was decided.
#[derive(Clone, Copy, Debug)]
pub enum Decided<'a> {
    /// The request may pass.
    Allowed(&'a Grant),
    /// It is granted, and the filter has answered it itself.
    Answered(&'a LocalReply),
    /// It is refused.
    Denied(&'a Denied),
}

/// What another policy says.
#[derive(Clone, Copy, Debug)]
pub struct Other<'a> {
    /// `allow`, `deny` or `unknown`.
    pub decision: &'static str,
    /// Why it refuses.
    pub reason: Option<Reason>,
    /// What the client would get to know of that.
    pub detail: Option<&'a str>,
    /// The rule that grants.
    pub rule: Option<&'a str>,
}

impl Decided<'_> {
    /// `allow`, `answer`, `challenge` or `deny`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Allowed(_) => "allow",
            Self::Answered(_) => "answer",
            Self::Denied(denied) if denied.is_challenge() => "challenge",
            Self::Denied(_) => "deny",
        }
    }

    const fn status(self) -> Option<u16> {
        match self {
            Self::Allowed(_) => None,
            Self::Answered(answer) => Some(answer.reply.status),
            Self::Denied(denied) => Some(denied.reason.descriptor().status),
        }
    }

    const fn reason(self) -> &'static str {
        match self {
            Self::Allowed(_) => "",
            Self::Answered(answer) => answer.label,
            Self::Denied(denied) => denied.reason.descriptor().label,
        }
    }

    fn user(&self) -> &str {
        match self {
            Self::Allowed(grant) => grant.identity().username(),
            Self::Answered(answer) => &answer.username,
            Self::Denied(denied) => denied.username.as_deref().unwrap_or_default(),
        }
    }

    const fn denied(&self) -> Option<&Denied> {
        match self {
            Self::Denied(denied) => Some(denied),
            Self::Allowed(_) | Self::Answered(_) => None,
        }
    }
}

impl Record<'_> {
    /// The JSON object, of at most [`MAX_RECORD`] bytes. What matters most comes first, so that what
    /// there is no room for is the rest.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut record = Object::default();
        let decided = self.decided;
        let time = self.time.map(UnixTime::rfc3339);
        record.text("time", time.as_deref().unwrap_or_default());
        record.text("id", self.request.id().unwrap_or_default());
        record.text("decision", decided.word());
        if let Some(status) = decided.status() {
            record.value("status", &status.to_string());
        }
        record.text("reason", decided.reason());
        let subject = self.trace.map(Trace::subject);
        let subject = subject.as_deref();
        if let Some(subject) = subject {
            self.add_subject(&mut record, subject);
        }
        record.text("user", decided.user());
        let issuer = subject.and_then(|subject| subject.issuer.as_deref());
        record.text("issuer", issuer.unwrap_or_default());
        let (mut rule, pattern) = self.rule(Object::default());
        rule.text("pattern", pattern.as_deref().unwrap_or_default());
        record.object("rule", rule);
        if let Some(denied) = decided.denied() {
            record.text("detail", denied.detail.as_deref().unwrap_or_default());
            record.text("cause", denied.cause.as_deref().unwrap_or_default());
            record.text("expression", &self.expression(denied.reason));
        }
        self.add_rest(&mut record, subject);
        record.end()
    }

    fn add_subject(&self, record: &mut Object, subject: &Subject) {
        let exists = self.last(|step| match step {
            Step::Tag { exists, .. } => *exists,
            _ => None,
        });
        let not_this = exists.map(|exists| if exists { "create" } else { "update" });
        let actions = subject.actions.iter().copied();
        let actions: Vec<_> = actions.filter(|action| Some(*action) != not_this).collect();
        record.text("action", &actions.join("|"));
        record.text("repository", &subject.repository);
        record.text("reference", &subject.reference);
        if let Some(exists) = exists {
            record.value("tagExists", if exists { "true" } else { "false" });
        }
    }

    fn add_rest(&self, record: &mut Object, subject: Option<&Subject>) {
        record.bytes("method", self.request.method);
        record.text("policy", self.policy);
        if !self.waited.is_zero() {
            record.value("waited_ms", &self.waited.as_millis().to_string());
        }
        record.object(
            "shadow",
            self.shadow.map(Other::to_object).unwrap_or_default(),
        );
        if let Some(claims) = subject.and_then(|subject| subject.claims.as_deref()) {
            record.value("claims", claims);
        }
        let mut client = Object::default();
        client.text("ip", self.client);
        record.object("client", client);
        let groups = self.last(|step| match step {
            Step::Caller { groups, .. } => Some(object::texts(groups)),
            _ => None,
        });
        if let Some(groups) = groups {
            record.value("groups", &groups);
        }
        let target = self.request.target.split(|byte| *byte == b'?');
        let path = target.into_iter().next().unwrap_or_default();
        record.bytes("path", path);
    }

    /// Adds the rule that grants, or the last one that has a false condition, to `rule`; returns it
    /// with the pattern that decides.
    fn rule(&self, mut rule: Object) -> (Object, Option<Arc<str>>) {
        let pattern = match self.decided {
            Decided::Allowed(grant) => {
                rule.text("path", &grant.rule().to_string());
                match grant.rule() {
                    GrantRule::Policy(granting) => {
                        rule.text("name", granting.name.as_deref().unwrap_or_default());
                        granting.pattern.clone()
                    }
                    _ => None,
                }
            }
            Decided::Answered(_) => None,
            Decided::Denied(denied) if denied.reason != Reason::PolicyDenied => None,
            Decided::Denied(_) => {
                let pattern = self.last(|step| match step {
                    Step::Pattern { text } => Some(text.clone()),
                    _ => None,
                });
                let pattern = pattern.flatten();
                let place = self.last(|step| match step {
                    Step::Rule {
                        place,
                        name,
                        outcome: RuleOutcome::Condition,
                    } => Some((place.clone(), name.clone())),
                    _ => None,
                });
                let (place, name) = place.unzip();
                match (&pattern, place) {
                    (Some(pattern), Some(place)) if place != "adminPolicy" => {
                        rule.text("path", &format!("repositories[\"{pattern}\"].{place}"));
                    }
                    (_, place) => rule.text("path", &place.unwrap_or_default()),
                }
                let name = name.flatten();
                rule.text("name", name.as_deref().unwrap_or_default());
                pattern
            }
        };
        (rule, pattern)
    }

    /// The expression that was false last, or could not be evaluated, where that is the reason.
    fn expression(&self, reason: Reason) -> String {
        let is_of_expressions = matches!(
            reason,
            Reason::PolicyDenied | Reason::ValidationFailed | Reason::MappingFailed
        );
        let expression = self.last(|step| match step {
            Step::Expression {
                source,
                outcome: Outcome::False(_) | Outcome::Error(_),
                ..
            } => Some(source.to_string()),
            _ => None,
        });
        expression.filter(|_| is_of_expressions).unwrap_or_default()
    }

    fn last<T>(&self, find: impl FnMut(&Step) -> Option<T>) -> Option<T> {
        self.trace?.last(find)
    }
}

impl Other<'_> {
    fn to_object(self) -> Object {
        let mut object = Object::default();
        object.text("decision", self.decision);
        let reason = self.reason.map(|reason| reason.descriptor().label);
        object.text("reason", reason.unwrap_or_default());
        object.text("detail", self.detail.unwrap_or_default());
        object.text("rule", self.rule.unwrap_or_default());
        object
    }
}

pub use object::MAX_RECORD;
pub use sealed::{MAX_SEALED, open};

#[cfg(test)]
mod tests;
