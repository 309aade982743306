//! What constant arguments make certain to fail, which cel-go refuses at start as well: it folds
//! conversions of constants and reads constant formats.

use cel_interpreter::common::ast::{CallExpr, Expr, LiteralValue, operators};
use cel_interpreter::{Context, IdedExpr, Value};

use super::error::{CompileError, mismatch};
use super::types::Type;
use super::{environment, parse, syntax};

/// Functions that are evaluated at once when their argument is a literal.
const CONVERSIONS: &[&str] = &[
    "int",
    "uint",
    "double",
    "bool",
    "bytes",
    syntax::STRING,
    "timestamp",
    "duration",
];

/// Refuses `call` if its constants let no evaluation succeed; `types` are those of its arguments.
pub(super) fn check(call: &CallExpr, types: &[Type]) -> Result<(), CompileError> {
    let name = call.func_name.as_str();
    let last = call.args.last().map(|last| &last.expr);
    match (name, last) {
        ("format", Some(Expr::List(arguments))) => {
            match call.target.as_deref().map(|target| &target.expr) {
                Some(Expr::Literal(LiteralValue::String(format))) => {
                    check_format(format.inner(), &arguments.elements, types)
                }
                _ => Ok(()),
            }
        }
        (_, Some(Expr::Literal(LiteralValue::String(zone))))
            if name.starts_with("get") && !is_zone(zone.inner()) =>
        {
            mismatch(format!(
                "`{name}` knows no time zone but `UTC` and offsets such as `+01:00`"
            ))
        }
        _ if CONVERSIONS.contains(&name)
            && call.target.is_none()
            && call.args.iter().all(is_literal) =>
        {
            if evaluates(Expr::Call(call.clone())) {
                Ok(())
            } else {
                mismatch(format!(
                    "`{}` cannot convert this constant",
                    name.trim_start_matches('@')
                ))
            }
        }
        _ => Ok(()),
    }
}

/// Returns true if `key` may be one of a map, as far as its type is known; `dyn()` around a literal
/// hides nothing.
pub(super) fn may_be_key(key: &IdedExpr, found: &Type) -> bool {
    let literal = match &key.expr {
        Expr::Call(call) if call.func_name == "dyn" => call.args.first(),
        _ => None,
    };
    let never = |literal: &IdedExpr| {
        matches!(
            literal.expr,
            Expr::Literal(LiteralValue::Bytes(_) | LiteralValue::Null)
        )
    };
    (found.is_open() && !literal.is_some_and(never))
        || found
            .letter()
            .is_some_and(|letter| "biufs".contains(letter))
}

/// Formats a value of each type that is known; what is not known may fit.
fn check_format(format: &str, arguments: &[IdedExpr], types: &[Type]) -> Result<(), CompileError> {
    let clauses: usize = format
        .split("%%")
        .map(|text| text.matches('%').count())
        .sum();
    if clauses > arguments.len() {
        return mismatch("`format` has more clauses than arguments".to_owned());
    }
    let known = types.iter().map(Type::sample).collect::<Option<Vec<_>>>();
    let Some(samples) = known.filter(|samples| samples.len() == arguments.len()) else {
        return Ok(());
    };
    let mut call = parse::parse(&format!("''.format([{}])", samples.join(", ")))?;
    if let Expr::Call(call) = &mut call.expr {
        call.target = Some(Box::new(syntax::node(Expr::Literal(LiteralValue::String(
            format.to_owned().into(),
        )))));
    }
    if evaluates(call.expr) {
        Ok(())
    } else {
        mismatch("the arguments of `format` do not fit its clauses".to_owned())
    }
}

fn evaluates(expr: Expr) -> bool {
    Value::resolve_val(
        &syntax::node(expr),
        &Context::with_env(environment::shared()),
    )
    .is_ok()
}

fn is_literal(node: &IdedExpr) -> bool {
    match &node.expr {
        Expr::Literal(_) => true,
        Expr::Call(call) => call.func_name == operators::NEGATE && call.args.iter().all(is_literal),
        _ => false,
    }
}

fn is_zone(zone: &str) -> bool {
    zone.contains(':') || ["", "UTC", "Etc/UTC"].contains(&zone)
}
