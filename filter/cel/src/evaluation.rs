//! One evaluation: what it may still cost, and its patterns.
//!
//! The crate's functions see their arguments and nothing else, so this is one of them: a variable that no expression can name, which
//! [`super::meter`] adds to each call that pays or matches.

use std::any::Any;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cel_interpreter::common::ast::Expr;
use cel_interpreter::common::types::Type;
use cel_interpreter::common::value::{CowVal, StaticVal, Val};
use cel_interpreter::{ExecutionError, IdedExpr};

use super::automaton::Automaton;
use super::budget::{Budget, UNITS};
use super::syntax::node;

/// The name of the variable.
pub(super) const NAME: &str = "@evaluation";
/// The same in expressions: that of the outermost scope, so that no loop is searched for it.
const ABSOLUTE: &str = ".@evaluation";

static TYPE: Type = Type::new_unspecified_type("@evaluation");

/// The compiled patterns of an expression, by their text.
pub(super) type Patterns = BTreeMap<String, Arc<Automaton>>;

/// The state of one evaluation; clones share it.
#[derive(Clone, Default)]
pub(super) struct Evaluation(Arc<State>);

#[derive(Default)]
struct State {
    budget: Budget,
    patterns: Mutex<Option<Arc<Patterns>>>,
    made: Mutex<HashMap<String, Automaton>>,
}

impl Evaluation {
    /// The argument that calls get.
    pub(super) fn argument() -> IdedExpr {
        node(Expr::Ident(ABSOLUTE.to_owned()))
    }

    /// The evaluation in the last argument of a function.
    pub(super) fn of<'a>(argument: Option<&'a CowVal<'_, '_>>) -> Result<&'a Self, ExecutionError> {
        let evaluation = argument.and_then(|argument| argument.downcast_ref::<Self>());
        evaluation.ok_or_else(|| ExecutionError::no_such_overload(NAME, Vec::new()))
    }

    /// The evaluation in the last argument of a function, and the arguments before it.
    pub(super) fn split<'a, 'b, 'v>(
        args: &'a [CowVal<'b, 'v>],
    ) -> Result<(&'a Self, &'a [CowVal<'b, 'v>]), ExecutionError> {
        let (last, args) = args.split_last().unzip();
        Ok((Self::of(last)?, args.unwrap_or_default()))
    }

    /// Begins an evaluation of an expression with these patterns.
    pub(super) fn begin(&self, patterns: Option<&Arc<Patterns>>) {
        *lock(&self.0.patterns) = patterns.map(Arc::clone);
    }

    /// Begins it anew, with all units and without what others have left.
    pub(super) fn begin_anew(&self, patterns: Option<&Arc<Patterns>>) {
        self.begin(patterns);
        self.0.budget.refill(UNITS);
        lock(&self.0.made).clear();
    }

    pub(super) fn budget(&self) -> &Budget {
        &self.0.budget
    }

    /// A pattern of the expression.
    pub(super) fn pattern(&self, text: &str) -> Option<Arc<Automaton>> {
        lock(&self.0.patterns).as_ref().and_then(|patterns| patterns.get(text).map(Arc::clone))
    }

    /// Patterns that claims have made.
    pub(super) fn made(&self) -> MutexGuard<'_, HashMap<String, Automaton>> {
        lock(&self.0.made)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Evaluation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Evaluation")
    }
}

impl Val for Evaluation {
    fn get_type(&self) -> &Type {
        &TYPE
    }

    fn cel_type() -> &'static Type {
        &TYPE
    }

    fn clone_as_boxed<'v>(&self) -> Box<dyn Val + 'v>
    where
        Self: 'v,
    {
        Box::new(self.clone())
    }

    fn as_any(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

impl StaticVal for Evaluation {}
