//! Expressions of CEL as zot reads them, and patterns of RE2.
//!
//! The environment is zot's (cel-go with optional types and the strings, sets and encoders extensions): JSON numbers are doubles, the
//! literals of a list have one type, unknown names and functions are refused when the expression is compiled.
//!
//! An expression is written by an operator, the values that it reads come from anybody. So all mistakes that can be found are found
//! when it is compiled, and its work is bounded when it is evaluated. An evaluation depends on the expression and the values alone.
//! Errors tell a kind and never a value.
//!
//! ```
//! use registry_auth_cel::{Bindings, Document, Expression, Scope};
//!
//! let mapping = Expression::compile("claims.sub.split(':')[0]", Scope::Claims)?;
//! let claims = serde_json::json!({ "sub": "builder:main" });
//! let claims = claims.as_object().map(Document::from_claims).unwrap_or_default();
//! assert_eq!(mapping.evaluate_string(&Bindings::claims(&claims)).as_deref(), Ok("builder"));
//!
//! assert!(Expression::compile("claim.sub", Scope::Claims).is_err());
//! # Ok::<(), registry_auth_cel::CompileError>(())
//! ```

pub mod automaton;
mod budget;
mod check;
mod constants;
mod document;
mod environment;
mod evaluation;
mod functions;
mod limits;
mod members;
mod meter;
mod precision;
pub mod regular;
mod select;
mod sets;
mod syntax;
mod text;
mod types;

use std::fmt;
use std::sync::Arc;

use cel_interpreter::common::types::{CelBool, CelList, CelMap, CelMapKey, CelString};
use cel_interpreter::common::value::{Builtin, CowVal, Val};
use cel_interpreter::{Context, ExecutionError, IdedExpr, Value};

pub use document::{Document, Map};
use evaluation::{Evaluation, Patterns};
pub use members::Members;
pub use regular::PatternPool;
use types::Type;

/// Which variables an expression may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Claim mappings: `claims` and `vars`.
    Claims,
    /// Policy conditions: `req`.
    Conditions,
}

impl Scope {
    const fn variables(self) -> &'static [&'static str] {
        match self {
            Self::Claims => &["claims", "vars"],
            Self::Conditions => &["req"],
        }
    }

    /// The variable that holds what the expression is about.
    const fn document(self) -> &'static [&'static str] {
        match self {
            Self::Claims => &["claims"],
            Self::Conditions => &["req"],
        }
    }

    /// Where the claims of the caller are.
    const fn claims(self) -> &'static [&'static str] {
        match self {
            Self::Claims => &["claims"],
            Self::Conditions => &["req", "claims"],
        }
    }
}

/// Why an expression is refused when the configuration is compiled. It may quote the expression, which is configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// Nothing but blanks.
    #[error("is empty: write a CEL expression")]
    Empty,
    /// Longer than the limit.
    #[error("the expression is longer than {} bytes", limits::MAX_SOURCE)]
    TooLong,
    /// Brackets or chains of operators nest too deep.
    #[error(
        "the expression nests too deep: brackets at most {} deep, at most {} operators in a row",
        limits::MAX_BRACKETS,
        limits::MAX_CHAIN
    )]
    TooDeep,
    /// Loops in loops.
    #[error("macros that iterate nest too deep: at most {} deep", limits::MAX_LOOPS)]
    TooManyLoops,
    /// Not CEL.
    #[error("not a CEL expression: syntax error at line {line}, column {column}")]
    Syntax {
        /// From one.
        line: isize,
        /// From one.
        column: isize,
    },
    /// A name that is neither a variable of the scope nor a type.
    #[error("unknown name `{name}`: write {expected}")]
    UnknownName {
        /// As written.
        name: String,
        /// The variables of the scope.
        expected: String,
    },
    /// A function that the environment does not have, or not with that many arguments.
    #[error("unknown function `{0}`, or a wrong number of arguments for it")]
    UnknownFunction(String),
    /// Construction of a message, which the environment has none of.
    #[error("message types cannot be built: `{0}`")]
    Message(String),
    /// Types that can never fit.
    #[error("{0}")]
    Mismatch(String),
}

impl CompileError {
    fn pattern() -> Self {
        Self::Mismatch("the pattern of `matches` is not a regular expression of RE2, or too large".to_owned())
    }
}

/// What to say about an expression that [`Expression::is_inexact`].
pub const INEXACT: &str = "has a number of 2^53 (9007199254740992) or more, and numbers in claims are doubles: it equals its \
                           neighbours there; let the issuer send such an identifier as text, and compare it with a text";

/// What went wrong in an evaluation: a kind, never a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// A member that is not there.
    #[error("no such key")]
    NoSuchKey,
    /// An operator or function met values of types that it does not take.
    #[error("no such overload")]
    NoSuchOverload,
    /// A list index out of range.
    #[error("index out of bounds")]
    OutOfBounds,
    /// Division or remainder by zero, or a number out of range.
    #[error("arithmetic error")]
    Arithmetic,
    /// A function refused its input.
    #[error("a function refused its input")]
    Function,
    /// More work than one evaluation may be, or a value that nests too deep.
    #[error("too costly")]
    TooCostly,
    /// The result has another type than its use needs.
    #[error("the result is not {0}")]
    NotA(&'static str),
    /// Anything else.
    #[error("cannot be evaluated")]
    Other,
}

impl From<ExecutionError> for EvaluationError {
    fn from(error: ExecutionError) -> Self {
        match error {
            ExecutionError::NoSuchKey(_) => Self::NoSuchKey,
            ExecutionError::IndexOutOfBounds(_) => Self::OutOfBounds,
            ExecutionError::FunctionError { .. } => Self::Function,
            ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) | ExecutionError::Overflow(..) => {
                Self::Arithmetic
            }
            ExecutionError::NoSuchOverload(_)
            | ExecutionError::UnexpectedType { .. }
            | ExecutionError::ValuesNotComparable(..)
            | ExecutionError::UnsupportedBinaryOperator(..) => Self::NoSuchOverload,
            _ => Self::Other,
        }
    }
}

/// A compiled expression.
pub struct Expression {
    tree: IdedExpr,
    result: Type,
    scope: Scope,
    reads: Members,
    reads_of_claims: Members,
    is_inexact: bool,
    /// None if it has none.
    patterns: Option<Arc<Patterns>>,
}

impl Expression {
    /// Compiles `source` for the variables of `scope`.
    ///
    /// # Errors
    /// Over a limit (checked before the parser sees the text), not CEL, unknown names and functions, types that cannot fit.
    pub fn compile(source: &str, scope: Scope) -> Result<Self, CompileError> {
        Self::compile_with(source, scope, &mut PatternPool::default())
    }

    /// Compiles `source` as [`Expression::compile`] does, with patterns that other expressions share.
    ///
    /// # Errors
    /// The same.
    pub fn compile_with(source: &str, scope: Scope, pool: &mut PatternPool) -> Result<Self, CompileError> {
        if source.trim().is_empty() {
            return Err(CompileError::Empty);
        }
        limits::check_source(source)?;
        let mut tree = syntax::parse(source)?;
        let result = check::check(&tree, scope.variables())?;
        limits::check_loops(&tree)?;
        let patterns = pool.patterns_of(&tree).map_err(|_| CompileError::pattern())?;
        let patterns = (!patterns.is_empty()).then(|| Arc::new(patterns));
        let reads = Members::read_by(&tree, scope.document());
        let reads_of_claims = Members::read_by(&tree, scope.claims());
        let is_inexact = precision::is_inexact(&tree);
        select::replace(&mut tree);
        meter::meter(&mut tree);
        // Built now, and not while the first request waits.
        environment::shared();
        Ok(Self { tree, result, scope, reads, reads_of_claims, is_inexact, patterns })
    }

    fn evaluate<'a>(&'a self, bindings: &'a Bindings) -> Result<CowVal<'a, 'static>, EvaluationError> {
        let evaluation = &bindings.evaluation;
        match self.scope {
            Scope::Claims => evaluation.begin(self.patterns.as_ref()),
            Scope::Conditions => evaluation.begin_anew(self.patterns.as_ref()),
        }
        let value = Value::resolve_val(&self.tree, &bindings.context);
        if evaluation.budget().is_spent() { Err(EvaluationError::TooCostly) } else { Ok(value?) }
    }

    /// Whether the result is known to be a bool before any value is seen; `claims.ok` is not, `claims.ok == true` is.
    #[must_use]
    pub fn is_bool(&self) -> bool {
        self.result == Type::Bool
    }

    /// Whether the result may be a string, as far as can be told before any value is seen.
    #[must_use]
    pub fn may_be_string(&self) -> bool {
        self.result.join(&Type::String).is_some()
    }

    /// Whether the result may be a list of strings, as far as can be told before any value is seen.
    #[must_use]
    pub fn may_be_strings(&self) -> bool {
        self.result.join(&Type::list(Type::String)).is_some()
    }

    /// Which members of the claims, or of the request, the expression may read.
    #[must_use]
    pub const fn reads(&self) -> &Members {
        &self.reads
    }

    /// Which claims of the caller the expression may read.
    #[must_use]
    pub const fn reads_of_claims(&self) -> &Members {
        &self.reads_of_claims
    }

    /// Returns true if the expression has a number of 2^53 or more, which no number in claims can be told from: those are doubles.
    #[must_use]
    pub const fn is_inexact(&self) -> bool {
        self.is_inexact
    }

    /// Evaluates to a bool.
    ///
    /// # Errors
    /// The evaluation fails, or yields something else.
    pub fn evaluate_bool(&self, bindings: &Bindings) -> Result<bool, EvaluationError> {
        let value = self.evaluate(bindings)?;
        value.downcast_ref::<CelBool>().map(|value| *value.inner()).ok_or(EvaluationError::NotA("a bool"))
    }

    /// Evaluates to a string.
    ///
    /// # Errors
    /// The evaluation fails, or yields something else (an optional has to be unwrapped).
    pub fn evaluate_string(&self, bindings: &Bindings) -> Result<String, EvaluationError> {
        let value = self.evaluate(bindings)?;
        let text = value.downcast_ref::<CelString<'_>>().ok_or(EvaluationError::NotA("a string"))?;
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
        let texts =
            list.inner().iter().map(|item| item.downcast_ref::<CelString<'_>>().map(|text| text.inner().to_owned()));
        texts.collect::<Option<_>>().ok_or(EXPECTED)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Expression").field("scope", &self.scope).finish_non_exhaustive()
    }
}

/// The values of an expression's variables.
pub struct Bindings {
    context: Context<'static, 'static>,
    /// One for all expressions of a claim mapping; each condition begins it anew.
    evaluation: Evaluation,
}

impl Bindings {
    /// For [`Scope::Claims`]: the claims, no `vars` yet.
    #[must_use]
    pub fn claims(claims: &Document) -> Self {
        let mut bindings = Self::new("claims", claims);
        bindings.context.add_variable_as_val("vars", Box::new(CelMap::default()));
        bindings
    }

    /// For [`Scope::Conditions`]: the request.
    #[must_use]
    pub fn conditions(request: &Document) -> Self {
        Self::new("req", request)
    }

    fn new(name: &str, document: &Document) -> Self {
        let evaluation = Evaluation::default();
        let mut context = Context::with_env(environment::shared());
        context.add_variable_as_val(name, document.to_value());
        context.add_variable_as_val(evaluation::NAME, Box::new(evaluation.clone()));
        Self { context, evaluation }
    }

    /// Evaluates `expression` and keeps the result as `vars.<name>`; a later one of the same name replaces it.
    ///
    /// # Errors
    /// The evaluation fails.
    pub fn define(&mut self, name: &str, expression: &Expression) -> Result<(), EvaluationError> {
        let value = expression.evaluate(self)?;
        let budget = self.evaluation.budget();
        let left = budget.left();
        budget.pay_for(value.as_ref()).map_err(|_| EvaluationError::TooCostly)?;
        // The expression has paid for it already: this is about its size and depth.
        budget.refill(left);
        let value = value.into_owned();
        let Context::Root { variables, .. } = &mut self.context else { return Err(EvaluationError::Other) };
        let Some(Builtin::Map(vars)) = variables.remove("vars").and_then(|vars: Box<dyn Val>| vars.into_builtin())
        else {
            return Err(EvaluationError::Other);
        };
        let mut vars = vars.into_inner();
        vars.insert(CelMapKey::from(name.to_owned()), value);
        self.context.add_variable_as_val("vars", Box::new(CelMap::from(vars)));
        Ok(())
    }
}

impl fmt::Debug for Bindings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Bindings([redacted])")
    }
}

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod values;
