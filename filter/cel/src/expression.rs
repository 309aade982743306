//! An expression, compiled once.

use std::fmt;
use std::sync::Arc;

use cel_interpreter::IdedExpr;

use super::error::CompileError;
use super::evaluation::Patterns;
use super::members::Members;
use super::patterns::PatternPool;
use super::scope::Scope;
use super::types::Type;
use super::{bounds, check, environment, meter, parse, precision, select};

/// What to say about an expression that [`Expression::is_inexact`].
pub const INEXACT: &str = "has a number of 2^53 (9007199254740992) or more, and numbers in claims are doubles: it equals its \
                           neighbours there; let the issuer send such an identifier as text, and compare it with a text";

/// A compiled expression.
pub struct Expression {
    pub(super) tree: IdedExpr,
    pub(super) result: Type,
    pub(super) scope: Scope,
    reads: Members,
    reads_of_claims: Members,
    reads_of_variables: Members,
    is_inexact: bool,
    /// None if it has none.
    pub(super) patterns: Option<Arc<Patterns>>,
}

impl Expression {
    /// Compiles `source` for the variables of `scope`.
    ///
    /// # Errors
    /// Over a limit (checked before the parser sees the text), not CEL, unknown names and
    /// functions, types that cannot fit.
    pub fn compile(source: &str, scope: Scope) -> Result<Self, CompileError> {
        Self::compile_with(source, scope, &mut PatternPool::default())
    }

    /// Compiles `source` as [`Expression::compile`] does, with patterns that other expressions
    /// share.
    ///
    /// # Errors
    /// The same.
    pub fn compile_with(
        source: &str,
        scope: Scope,
        pool: &mut PatternPool,
    ) -> Result<Self, CompileError> {
        if source.trim().is_empty() {
            return Err(CompileError::Empty);
        }
        bounds::check_source(source)?;
        let mut tree = parse::parse(source)?;
        let result = check::check(&tree, scope.variables())?;
        bounds::check_loops(&tree)?;
        let patterns = pool
            .patterns_of(&tree)
            .map_err(|_| CompileError::pattern())?;
        let patterns = (!patterns.is_empty()).then(|| Arc::new(patterns));
        let reads = Members::read_by(&tree, scope.document());
        let reads_of_claims = Members::read_by(&tree, scope.claims());
        let reads_of_variables = Members::read_by(&tree, &["vars"]);
        let is_inexact = precision::is_inexact(&tree);
        select::replace(&mut tree);
        meter::meter(&mut tree, scope);
        // Built now, and not while the first request waits.
        environment::shared();
        Ok(Self {
            tree,
            result,
            scope,
            reads,
            reads_of_claims,
            reads_of_variables,
            is_inexact,
            patterns,
        })
    }

    /// Returns true if the result is known to be a bool before any value is seen; `claims.ok` is
    /// not, `claims.ok == true` is.
    #[must_use]
    pub fn is_bool(&self) -> bool {
        self.result == Type::Bool
    }

    /// Returns true if the result may be a string, as far as the types are known before any value
    /// is seen.
    #[must_use]
    pub fn may_be_string(&self) -> bool {
        self.result.join(&Type::String).is_some()
    }

    /// Returns true if the result may be a list of strings, as far as the types are known before
    /// any value is seen.
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

    /// Which variables of a claim mapping the expression may read.
    #[must_use]
    pub const fn reads_of_variables(&self) -> &Members {
        &self.reads_of_variables
    }

    /// Returns true if the expression has a number of 2^53 or more, which may compare equal to
    /// other numbers of claims: those are doubles.
    #[must_use]
    pub const fn is_inexact(&self) -> bool {
        self.is_inexact
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Expression")
            .field("scope", &self.scope)
            .finish_non_exhaustive()
    }
}
