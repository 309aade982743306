//! Expressions of CEL as zot reads them, and patterns of RE2.
//!
//! The environment is zot's (cel-go with optional types and the strings, sets and encoders
//! extensions): JSON numbers are doubles, the literals of a list have one type, unknown names and
//! functions are refused when the expression is compiled.
//!
//! An expression is trusted, the values that it reads are not. So all errors that can be found are
//! found when it is compiled, and its work is bounded when it is evaluated. An evaluation depends
//! on the expression and the values alone. Errors name a kind and never a value.
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

#![cfg_attr(test, expect(clippy::too_many_lines, reason = "tables of test rows"))]

mod bindings;
mod bounds;
mod budget;
mod check;
mod constants;
mod document;
mod environment;
mod error;
mod evaluate;
mod evaluation;
mod expression;
mod functions;
mod limits;
mod members;
mod meter;
mod operators;
mod parse;
pub mod pattern_set;
mod patterns;
mod precision;
pub mod re2;
mod scope;
mod select;
mod sets;
mod signatures;
mod syntax;
mod text;
pub mod tree;
mod types;

pub use bindings::Bindings;
pub use document::{Document, Map};
pub use error::{CompileError, EvaluationError};
pub use expression::{Expression, INEXACT};
pub use members::Members;
pub use patterns::PatternPool;
pub use scope::Scope;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod floors;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod values;
#[cfg(test)]
mod zot_signatures;
