//! Evaluates an expression with the values of its variables.

use cel_interpreter::common::types::{CelBool, CelList, CelMap, CelMapKey, CelString};
use cel_interpreter::common::value::{Builtin, CowVal, Val};
use cel_interpreter::{Context, Value};

use super::bindings::Bindings;
use super::error::EvaluationError;
use super::expression::Expression;
use super::scope::Scope;

impl Expression {
    pub(super) fn evaluate<'a>(
        &'a self,
        bindings: &'a Bindings,
    ) -> Result<CowVal<'a, 'static>, EvaluationError> {
        let evaluation = &bindings.evaluation;
        match self.scope {
            Scope::Claims => evaluation.begin(self.patterns.as_ref()),
            Scope::Conditions => evaluation.begin_anew(self.patterns.as_ref()),
        }
        let value = Value::resolve_val(&self.tree, &bindings.context);
        if evaluation.budget().is_spent() {
            Err(EvaluationError::TooCostly)
        } else {
            Ok(value?)
        }
    }

    /// Evaluates to a bool.
    ///
    /// # Errors
    /// The evaluation fails, or yields something else.
    pub fn evaluate_bool(&self, bindings: &Bindings) -> Result<bool, EvaluationError> {
        let value = self.evaluate(bindings)?;
        value
            .downcast_ref::<CelBool>()
            .map(|value| *value.inner())
            .ok_or(EvaluationError::NotA("a bool"))
    }

    /// Evaluates to a string.
    ///
    /// # Errors
    /// The evaluation fails, or yields something else (an optional has to be unwrapped).
    pub fn evaluate_string(&self, bindings: &Bindings) -> Result<String, EvaluationError> {
        let value = self.evaluate(bindings)?;
        let text = value
            .downcast_ref::<CelString<'_>>()
            .ok_or(EvaluationError::NotA("a string"))?;
        Ok(text.inner().to_owned())
    }

    /// Evaluates to a list of strings, order and repetitions kept.
    ///
    /// # Errors
    /// The evaluation fails, or yields something else, if only in one element.
    pub fn evaluate_strings(&self, bindings: &Bindings) -> Result<Vec<String>, EvaluationError> {
        const EXPECTED: EvaluationError = EvaluationError::NotA("a list of strings");
        let value = self.evaluate(bindings)?;
        let list = value.downcast_ref::<CelList<'_>>().ok_or(EXPECTED)?;
        let texts = list.inner().iter().map(|item| {
            item.downcast_ref::<CelString<'_>>()
                .map(|text| text.inner().to_owned())
        });
        texts.collect::<Option<_>>().ok_or(EXPECTED)
    }
}

impl Bindings {
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
