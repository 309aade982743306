//! What is recorded while a mapping is evaluated.

use std::sync::Arc;

use registry_auth_cel::{EvaluationError, Members};
use serde_json::{Map, Value};

use super::{Validation, Written};
use crate::reason::Reason;
use crate::trace::{Cause, Evaluated, Fact, Outcome, Recorder, Step};

/// Records the evaluation of a mapping.
#[derive(Clone, Copy)]
pub(super) struct MappingSteps<'a> {
    pub(super) recorder: Recorder<'a>,
    pub(super) claims: &'a Map<String, Value>,
}

impl MappingSteps<'_> {
    pub(super) fn value<T>(
        self,
        what: impl FnOnce() -> Evaluated,
        expression: &Written,
        result: &Result<T, EvaluationError>,
    ) {
        let outcome = || match result {
            Ok(_) => Outcome::Value,
            Err(error) => Outcome::Error(error.to_string()),
        };
        if let Err(error) = result {
            self.recorder
                .because(Reason::MappingFailed, || self.cause(expression, error));
        }
        self.recorder
            .record(|| self.step(what(), expression, outcome()));
    }

    pub(super) fn validation(
        self,
        index: usize,
        validation: &Validation,
        result: &Result<bool, EvaluationError>,
    ) {
        let expression = &validation.expression;
        match result {
            Ok(true) => {}
            Ok(false) => self
                .recorder
                .because_of(Reason::ValidationFailed, || Cause {
                    text: format!("validations[{index}] `{}` is false", expression.source),
                    // The claims are verified: the client gets to know it of its own token.
                    detail: Some(validation.message.as_str().into()),
                }),
            Err(error) => self
                .recorder
                .because(Reason::MappingFailed, || self.cause(expression, error)),
        }
        self.recorder.record(|| {
            let outcome = match result {
                Ok(true) => Outcome::True,
                Ok(false) => Outcome::False(Some(validation.message.as_str().into())),
                Err(error) => Outcome::Error(error.to_string()),
            };
            self.step(
                Evaluated::Validation(index),
                &validation.expression,
                outcome,
            )
        });
    }

    /// Why an expression cannot be evaluated: the kind of error, and the claims that it reads and
    /// that are not there.
    fn cause(self, expression: &Written, error: &EvaluationError) -> String {
        let mut cause = format!("`{}` cannot be evaluated: {error}", expression.source);
        for name in self.missing(expression) {
            cause.push_str(", the token has no `claims.");
            cause.push_str(name);
            cause.push('`');
        }
        cause
    }

    fn missing(self, expression: &Written) -> impl Iterator<Item = &String> {
        let reads = match expression.compiled.reads() {
            Members::These(names) => names.as_slice(),
            Members::All => &[],
        };
        let claims = self.claims;
        reads.iter().filter(|name| !claims.contains_key(*name))
    }

    fn step(self, what: Evaluated, expression: &Written, outcome: Outcome) -> Step {
        let facts = self.missing(expression).map(|name| Fact {
            name: format!("claims.{name}"),
            value: None,
        });
        Step::Expression {
            what,
            source: Arc::clone(&expression.source),
            outcome,
            facts: facts.collect(),
        }
    }
}
