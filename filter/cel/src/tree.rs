//! The tree of an expression, for those who read expressions without evaluating them.

use cel_interpreter::IdedExpr;

use super::error::CompileError;
use super::{bounds, parse, signatures, syntax};

/// Parses an expression; types and names are not checked. `string` is a function of the
/// environment, called `@string` in the tree.
///
/// # Errors
/// Over a limit, or not CEL.
pub fn parse(source: &str) -> Result<IdedExpr, CompileError> {
    if source.trim().is_empty() {
        return Err(CompileError::Empty);
    }
    bounds::check_source(source)?;
    parse::parse(source)
}

/// Hands each child of `node` to `visit`, in the order of the text.
pub fn children<'a>(node: &'a IdedExpr, visit: &mut dyn FnMut(&'a IdedExpr)) {
    syntax::children(node, visit);
}

/// Returns the names of the functions that expressions may call.
pub fn function_names() -> impl Iterator<Item = &'static str> {
    let names = signatures::FUNCTIONS.iter().map(|function| function.0);
    names.filter(|name| !name.starts_with('@'))
}
