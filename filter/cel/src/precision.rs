//! Constants that compare equal to several numbers of claims: JSON numbers are doubles, as in zot,
//! and from 2^53 on whole numbers share a double with their neighbours.

use cel_interpreter::IdedExpr;
use cel_interpreter::common::ast::{Expr, LiteralValue};

use super::syntax::{STRING, children};

/// The first whole number that another one equals as a double.
const FIRST_INEXACT: u64 = 1 << 53;
/// The same as a double.
const FIRST_INEXACT_DOUBLE: f64 = 9_007_199_254_740_992.0;

/// Returns true if the tree has a number of 2^53 or more in magnitude, whatever it is compared
/// with: it may get there through a list, a variable or arithmetic. Digits in a text count where
/// they are converted, or where the tree turns whole numbers into text.
pub(super) fn is_inexact(tree: &IdedExpr) -> bool {
    any(tree, &mut is_large) || (any(tree, &mut writes_numbers) && any(tree, &mut is_large_text))
}

fn any(tree: &IdedExpr, test: &mut dyn FnMut(&IdedExpr) -> bool) -> bool {
    let mut open = vec![tree];
    while let Some(node) = open.pop() {
        if test(node) {
            return true;
        }
        children(node, &mut |child| open.push(child));
    }
    false
}

fn is_large(node: &IdedExpr) -> bool {
    match &node.expr {
        Expr::Literal(LiteralValue::Int(number)) => number.inner().unsigned_abs() >= FIRST_INEXACT,
        Expr::Literal(LiteralValue::UInt(number)) => *number.inner() >= FIRST_INEXACT,
        Expr::Literal(LiteralValue::Double(number)) => number.inner().abs() >= FIRST_INEXACT_DOUBLE,
        Expr::Call(call) if ["int", "uint", "double"].contains(&&*call.func_name) => {
            call.args.iter().any(is_large_text)
        }
        _ => false,
    }
}

fn is_large_text(node: &IdedExpr) -> bool {
    matches!(&node.expr, Expr::Literal(LiteralValue::String(text))
        if text.inner().parse::<f64>().is_ok_and(|number| number.is_finite() && number.abs() >= FIRST_INEXACT_DOUBLE))
}

/// `string(int(x))`.
fn writes_numbers(node: &IdedExpr) -> bool {
    let converts = |node: &IdedExpr| matches!(&node.expr, Expr::Call(call) if ["int", "uint"].contains(&&*call.func_name));
    matches!(&node.expr, Expr::Call(call) if call.func_name == STRING && call.args.iter().any(converts))
}

#[cfg(test)]
mod tests {
    use crate::{Expression, Scope};

    #[test]
    fn numbers_that_claims_cannot_hold_are_found_wherever_they_are() {
        let rows = [
            ("claims.id == 9007199254740993", true),
            ("9007199254740993 == claims.id", true),
            ("claims.id != 9007199254740992", true),
            ("claims.id == 9007199254740991", false),
            ("claims.id == -9007199254740993", true),
            ("claims.id == -9007199254740991", false),
            ("claims.id == 9007199254740993u", true),
            ("claims.id == 9007199254740991u", false),
            ("claims.id == 9007199254740993.0", true),
            ("claims.id == 1e16", true),
            ("claims.id == 1.5", false),
            ("claims.id == 0x20000000000001", true),
            ("claims.id <= 9007199254740993", true),
            ("claims.id in [1, 2, 9007199254740993]", true),
            ("claims.id in [1, 2, 3]", false),
            ("claims.id in {9007199254740993: true}", true),
            ("claims.ids.exists(id, id == 9007199254740993)", true),
            ("sets.intersects(claims.ids, [9007199254740993])", true),
            ("{'a': [claims.id]} == {'a': [dyn(9007199254740993)]}", true),
            (
                "has(claims.id) && (claims.ok ? claims.id == 1 : claims.id == 9007199254740993)",
                true,
            ),
            ("claims.?id.orValue(9007199254740993) == 1", true),
            ("int(claims.id) == 9007199254740993", true),
            ("vars.id == 9007199254740993", true),
            ("[9007199254740993]", true),
            ("claims.id == int('9007199254740993')", true),
            ("claims.id == double('9007199254740993')", true),
            ("string(int(claims.id)) == '9007199254740993'", true),
            ("string(claims.id) == '9007199254740993'", false),
            ("claims.id == '9007199254740993'", false),
            ("claims.name == 'infinity'", false),
            ("claims.sub == 'x'", false),
        ];
        for (source, expected) in rows {
            let expression = Expression::compile(source, Scope::Claims)
                .unwrap_or_else(|error| panic!("{source}: {error}"));
            assert_eq!(expression.is_inexact(), expected, "{source}");
        }
    }
}
