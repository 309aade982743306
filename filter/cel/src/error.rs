//! Why an expression is refused, and why it has no value.

use cel_interpreter::ExecutionError;

use super::limits;

/// Why an expression is refused when the configuration is compiled. It may quote the expression,
/// which is configuration.
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
    #[error(
        "macros that iterate nest too deep: at most {} deep",
        limits::MAX_LOOPS
    )]
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
    pub(super) fn pattern() -> Self {
        Self::Mismatch(
            "the pattern of `matches` is not a regular expression of RE2, or too large".to_owned(),
        )
    }
}

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
    /// More work than one evaluation may do, or a value that nests too deep.
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
            ExecutionError::DivisionByZero(_)
            | ExecutionError::RemainderByZero(_)
            | ExecutionError::Overflow(..) => Self::Arithmetic,
            ExecutionError::NoSuchOverload(_)
            | ExecutionError::UnexpectedType { .. }
            | ExecutionError::ValuesNotComparable(..)
            | ExecutionError::UnsupportedBinaryOperator(..) => Self::NoSuchOverload,
            _ => Self::Other,
        }
    }
}

/// An error about the types of an expression.
pub(super) fn mismatch<T>(message: String) -> Result<T, CompileError> {
    Err(CompileError::Mismatch(message))
}
