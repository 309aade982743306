//! Patterns of `matches`, compiled: literals of an expression once for all evaluations, those
//! computed from claims once for each.

use std::collections::HashMap;
use std::sync::Arc;

use cel_interpreter::IdedExpr;
use cel_interpreter::common::ast::{Expr, LiteralValue};

use super::budget::Budget;
use super::evaluation::{Evaluation, Patterns};
use super::pattern_set::PatternSet;
use super::re2::{InvalidPattern, MAX_AUTOMATON, translate};
use super::syntax::children;

/// Units that the compilation of the smallest pattern costs.
const COMPILATION: usize = 8192;
/// Patterns computed from claims that one evaluation keeps.
const MAX_MADE: usize = 16;

/// Returns true if `pattern` matches somewhere in `text`. The budget pays for a pattern that is not
/// a literal of the expression, and for the worst that the text can do to the automaton; out of
/// budget is an error as well.
pub(super) fn is_match(
    evaluation: &Evaluation,
    pattern: &str,
    text: &str,
) -> Result<bool, InvalidPattern> {
    let budget = evaluation.budget();
    if let Some(automaton) = evaluation.pattern(pattern) {
        return read(&automaton, text, budget);
    }
    let mut made = evaluation.made();
    if let Some((_, automaton)) = made.iter().find(|(known, _)| known == pattern) {
        return read(automaton, text, budget);
    }
    pay(COMPILATION, budget)?;
    let automaton = compile(pattern).inspect_err(|_| drop(pay(MAX_AUTOMATON / 4, budget)))?;
    pay(automaton.states().saturating_mul(8), budget)?;
    let matched = read(&automaton, text, budget);
    if made.len() >= MAX_MADE {
        made.clear();
    }
    made.push((pattern.to_owned(), automaton));
    matched
}

/// Compiled patterns that expressions share: those of one policy are mostly the same.
#[derive(Debug, Default)]
pub struct PatternPool(HashMap<String, Arc<PatternSet>>);

impl PatternPool {
    /// Compiles the literal patterns of an expression, so that no evaluation has to.
    pub(super) fn patterns_of(&mut self, tree: &IdedExpr) -> Result<Patterns, InvalidPattern> {
        let mut patterns = Patterns::new();
        let mut open = vec![tree];
        while let Some(found) = open.pop() {
            if let Expr::Call(call) = &found.expr
                && call.func_name == "matches"
                && let Some(Expr::Literal(LiteralValue::String(pattern))) =
                    call.args.last().map(|last| &last.expr)
            {
                patterns.insert(pattern.inner().to_owned(), self.get(pattern.inner())?);
            }
            children(found, &mut |child| open.push(child));
        }
        Ok(patterns)
    }

    fn get(&mut self, pattern: &str) -> Result<Arc<PatternSet>, InvalidPattern> {
        if let Some(known) = self.0.get(pattern) {
            return Ok(Arc::clone(known));
        }
        let automaton = Arc::new(compile(pattern)?);
        self.0.insert(pattern.to_owned(), Arc::clone(&automaton));
        Ok(automaton)
    }
}

fn read(automaton: &PatternSet, text: &str, budget: &Budget) -> Result<bool, InvalidPattern> {
    pay(
        text.len().saturating_mul(1 + automaton.states() / 4),
        budget,
    )?;
    Ok(automaton.is_match(text))
}

fn pay(units: usize, budget: &Budget) -> Result<(), InvalidPattern> {
    budget.pay(units).map_err(|_| InvalidPattern)
}

fn compile(pattern: &str) -> Result<PatternSet, InvalidPattern> {
    PatternSet::build(&[translate(pattern)?], MAX_AUTOMATON).ok_or(InvalidPattern)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::UNITS;

    #[test]
    fn patterns_from_claims_cannot_fill_the_memory() {
        let evaluation = Evaluation::default();
        for n in 0..200 {
            evaluation.budget().refill(UNITS);
            assert_eq!(
                is_match(&evaluation, &format!("^{n}$"), &n.to_string()),
                Ok(true)
            );
            assert!(evaluation.made().len() <= MAX_MADE);
        }
        evaluation.begin_anew(None);
        assert!(evaluation.made().is_empty());
    }
}
