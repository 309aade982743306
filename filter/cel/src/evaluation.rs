//! One evaluation: its remaining budget, and its patterns.
//!
//! The crate's functions see their arguments and nothing else, so this is in one of them: the
//! document of the evaluation's bindings, which [`super::meter`] adds to each call that pays or
//! matches.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cel_interpreter::ExecutionError;
use cel_interpreter::common::value::CowVal;

use super::budget::{Budget, UNITS};
use super::pattern_set::PatternSet;

/// The arguments of a function of the environment.
pub(super) type Arguments<'b, 'v> = Vec<CowVal<'b, 'v>>;
/// What a function of the environment returns.
pub(super) type FunctionResult<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

/// The compiled patterns of an expression, by their text.
pub(super) type Patterns = BTreeMap<String, Arc<PatternSet>>;

/// The patterns that were computed from claims in one evaluation, with their texts.
pub(super) type Made = Vec<(String, PatternSet)>;

/// The state of one evaluation; clones share it.
#[derive(Clone, Default)]
pub(super) struct Evaluation(Arc<State>);

#[derive(Default)]
struct State {
    budget: Budget,
    patterns: Mutex<Option<Arc<Patterns>>>,
    made: Mutex<Made>,
}

impl Evaluation {
    /// Begins an evaluation of an expression with these patterns.
    pub(super) fn begin(&self, patterns: Option<&Arc<Patterns>>) {
        *lock(&self.0.patterns) = patterns.map(Arc::clone);
    }

    /// Begins a new evaluation, with all units and without patterns of earlier ones.
    pub(super) fn begin_anew(&self, patterns: Option<&Arc<Patterns>>) {
        self.begin(patterns);
        self.0.budget.refill(UNITS);
        lock(&self.0.made).clear();
    }

    pub(super) fn budget(&self) -> &Budget {
        &self.0.budget
    }

    /// A pattern of the expression.
    pub(super) fn pattern(&self, text: &str) -> Option<Arc<PatternSet>> {
        lock(&self.0.patterns)
            .as_ref()
            .and_then(|patterns| patterns.get(text).map(Arc::clone))
    }

    /// Patterns that were computed from claims.
    pub(super) fn made(&self) -> MutexGuard<'_, Made> {
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
