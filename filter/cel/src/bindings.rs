//! The values that an expression is evaluated with.

use std::fmt;

use cel_interpreter::Context;
use cel_interpreter::common::types::CelMap;

use super::document::Document;
use super::environment;
use super::evaluation::Evaluation;

/// The values of an expression's variables.
pub struct Bindings {
    pub(super) context: Context<'static, 'static>,
    /// One for all expressions of a claim mapping; each condition starts a new one.
    pub(super) evaluation: Evaluation,
}

impl Bindings {
    /// For [`Scope::Claims`](crate::Scope::Claims): the claims, no `vars` yet.
    #[must_use]
    pub fn claims(claims: &Document) -> Self {
        let mut bindings = Self::new("claims", claims);
        bindings
            .context
            .add_variable_as_val("vars", Box::new(CelMap::default()));
        bindings
    }

    /// For [`Scope::Conditions`](crate::Scope::Conditions): the request.
    #[must_use]
    pub fn conditions(request: &Document) -> Self {
        Self::new("req", request)
    }

    fn new(name: &str, document: &Document) -> Self {
        let evaluation = Evaluation::default();
        let mut context = Context::with_env(environment::shared());
        context.add_variable_as_val(name, document.to_root(evaluation.clone()));
        Self {
            context,
            evaluation,
        }
    }
}

impl fmt::Debug for Bindings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Bindings([redacted])")
    }
}
