//! Conditions of policy entries.

use std::collections::HashMap;
use std::sync::Arc;

use registry_auth_cel::{EvaluationError, Expression, INEXACT, Members, PatternPool, Scope};

use crate::config::{Diagnostics, raw};
use crate::reason::Reason;
use crate::trace::{Evaluated, Outcome, Step};

use super::req::{Member, Request};

/// One condition.
#[derive(Clone, Debug)]
struct Condition {
    expression: Arc<Expression>,
    source: Arc<str>,
    message: Option<Arc<str>>,
}

/// The conditions of one entry: all must be true.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions(Vec<Condition>);

/// The result of an entry's conditions.
pub(super) enum ConditionResult {
    /// All are true.
    True,
    /// One is false, with its message.
    False(Option<Arc<str>>),
    /// One could not be evaluated, or its result was not a bool.
    Error,
}

impl Conditions {
    pub(super) fn compile(
        raw: &[raw::Condition],
        path: &str,
        expressions: &mut Expressions,
        diagnostics: &mut Diagnostics,
    ) -> Self {
        let mut conditions = Vec::new();
        for (index, condition) in raw.iter().enumerate() {
            let place = format!("{path}[{index}].expression");
            let Some((source, expression)) =
                expressions.compile(&condition.expression, &place, diagnostics)
            else {
                continue;
            };
            diagnostics.check_members(
                &place,
                "req",
                expression.reads(),
                &Member::names(),
                "the condition grants nothing",
            );
            if expression.is_inexact() {
                diagnostics.warn(place, INEXACT);
            }
            let message = Some(condition.message.as_str())
                .filter(|message| !message.is_empty())
                .map(Arc::from);
            conditions.push(Condition {
                expression,
                source,
                message,
            });
        }
        Self(conditions)
    }

    pub(super) fn check(&self, request: &Request<'_>) -> ConditionResult {
        for (index, condition) in self.0.iter().enumerate() {
            let result = condition.expression.evaluate_bool(request.bindings());
            condition.record(index, request, &result);
            if !matches!(result, Ok(true)) {
                condition.explain(index, request, &result);
            }
            match result {
                Ok(true) => {}
                Ok(false) => return ConditionResult::False(condition.message.clone()),
                Err(_) => return ConditionResult::Error,
            }
        }
        ConditionResult::True
    }

    /// The texts.
    pub(super) fn sources(&self) -> Vec<Arc<str>> {
        self.0
            .iter()
            .map(|condition| Arc::clone(&condition.source))
            .collect()
    }

    /// The members of `req` that some condition may read.
    pub(super) fn members_read(&self) -> Members {
        let mut members = Members::default();
        let conditions = self.0.iter();
        conditions.for_each(|condition| members.add(condition.expression.reads()));
        members
    }

    /// Adds the claims that some condition may read.
    pub(super) fn add_claims_read(&self, members: &mut Members) {
        self.0
            .iter()
            .for_each(|condition| members.add(condition.expression.reads_of_claims()));
    }

    /// Returns true if some condition may read a member of `req`.
    pub(super) fn may_read(&self, member: Member) -> bool {
        self.0
            .iter()
            .any(|condition| condition.expression.reads().contains(member.name()))
    }
}

impl Condition {
    /// Records why the condition grants nothing.
    fn explain(&self, index: usize, request: &Request<'_>, result: &Result<bool, EvaluationError>) {
        let recorder = request.facts.recorder();
        recorder.because(Reason::PolicyDenied, || {
            let source = &self.source;
            match result {
                Ok(_) => format!("conditions[{index}] `{source}` is false"),
                Err(error) => {
                    format!("conditions[{index}] `{source}` cannot be evaluated: {error}")
                }
            }
        });
    }

    fn record(&self, index: usize, request: &Request<'_>, result: &Result<bool, EvaluationError>) {
        request.facts.recorder().record(|| Step::Expression {
            what: Evaluated::Condition(index),
            source: Arc::clone(&self.source),
            outcome: match result {
                Ok(true) => Outcome::True,
                Ok(false) => Outcome::False(self.message.clone()),
                Err(error) => Outcome::Error(error.to_string()),
            },
            facts: request.shown(self.expression.reads()),
        });
    }
}

/// The compiled expressions of one policy; the same text is compiled once, and so is the same
/// pattern.
#[derive(Default)]
pub(super) struct Expressions {
    known: HashMap<Arc<str>, Arc<Expression>>,
    patterns: PatternPool,
}

impl Expressions {
    fn compile(
        &mut self,
        source: &str,
        place: &str,
        diagnostics: &mut Diagnostics,
    ) -> Option<(Arc<str>, Arc<Expression>)> {
        if let Some((source, known)) = self.known.get_key_value(source) {
            return Some((Arc::clone(source), Arc::clone(known)));
        }
        match Expression::compile_with(source, Scope::Conditions, &mut self.patterns) {
            Ok(expression) => {
                let (source, expression) = (Arc::<str>::from(source), Arc::new(expression));
                self.known
                    .insert(Arc::clone(&source), Arc::clone(&expression));
                Some((source, expression))
            }
            Err(error) => {
                diagnostics.error(place, error.to_string());
                None
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.len()
    }
}
