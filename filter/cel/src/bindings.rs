//! The values that an expression is evaluated with.

use std::fmt;

use cel_interpreter::Context;
use cel_interpreter::common::types::{CelMap, CelMapKey};
use cel_interpreter::common::value::{Builtin, Val};

use super::evaluation::Evaluation;
use super::{Document, EvaluationError, Expression, environment};

/// The values of an expression's variables.
pub struct Bindings {
    pub(super) context: Context<'static, 'static>,
    /// One for all expressions of a claim mapping; each condition starts a new one.
    pub(super) evaluation: Evaluation,
}

impl Bindings {
    /// For [`Scope::Claims`](super::Scope::Claims): the claims, no `vars` yet.
    #[must_use]
    pub fn claims(claims: &Document) -> Self {
        let mut bindings = Self::new("claims", claims);
        bindings
            .context
            .add_variable_as_val("vars", Box::new(CelMap::default()));
        bindings
    }

    /// For [`Scope::Conditions`](super::Scope::Conditions): the request.
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

    /// Evaluates `expression` and keeps the result as `vars.<name>`; a later one of the same name
    /// replaces it.
    ///
    /// # Errors
    /// The evaluation fails.
    pub fn define(&mut self, name: &str, expression: &Expression) -> Result<(), EvaluationError> {
        let value = expression.evaluate(self)?;
        let budget = self.evaluation.budget();
        let left = budget.left();
        budget
            .pay_for(value.as_ref())
            .map_err(|_| EvaluationError::TooCostly)?;
        // The expression has paid for it already: this is about its size and depth.
        budget.refill(left);
        let value = value.into_owned();
        let Context::Root { variables, .. } = &mut self.context else {
            return Err(EvaluationError::Other);
        };
        let Some(Builtin::Map(vars)) = variables
            .remove("vars")
            .and_then(|vars: Box<dyn Val>| vars.into_builtin())
        else {
            return Err(EvaluationError::Other);
        };
        let mut vars = vars.into_inner();
        vars.insert(CelMapKey::from(name.to_owned()), value);
        self.context
            .add_variable_as_val("vars", Box::new(CelMap::from(vars)));
        Ok(())
    }
}

impl fmt::Debug for Bindings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Bindings([redacted])")
    }
}
