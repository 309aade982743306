//! From text to tree.

use cel_interpreter::IdedExpr;
use cel_interpreter::parser::PrattParser;

use super::error::CompileError;
use super::syntax::rewrite;
use super::{bounds, limits};

/// Parses a source that [`bounds::check_source`] has passed.
pub(super) fn parse(source: &str) -> Result<IdedExpr, CompileError> {
    let parser = PrattParser::new()
        .max_recursion_depth(96)
        .error_recovery_limit(0)
        .max_expression_node_count(limits::MAX_SOURCE * 4)
        .enable_optional_syntax(true)
        .enable_ident_escape_syntax(true);
    let mut tree = parser.parse(source).map_err(|errors| {
        let (line, column) = errors
            .errors
            .iter()
            .map(|error| error.pos)
            .find(|place| place.0 > 0)
            .unwrap_or((1, 1));
        CompileError::Syntax { line, column }
    })?;
    bounds::check_tree(&tree)?;
    rewrite(&mut tree)?;
    bounds::check_tree(&tree)?;
    Ok(tree)
}
