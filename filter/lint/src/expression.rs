//! The expressions of a configuration, and what is read from their trees.

use cel_interpreter::IdedExpr;
use cel_interpreter::common::ast::{Expr, LiteralValue, operators};
use registry_auth_cel::tree;

/// What an expression is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// A variable of a mapping.
    Variable,
    /// A validation of a mapping.
    Validation,
    /// The user name.
    Username,
    /// The groups.
    Groups,
    /// A condition of a policy.
    Condition,
}

/// An expression where it is written.
pub(crate) struct Written<'a> {
    /// The member that holds it.
    pub(crate) path: String,
    /// What it is for.
    pub(crate) used: Use,
    /// Its text.
    pub(crate) source: &'a str,
    /// Its tree.
    pub(crate) tree: IdedExpr,
}

impl<'a> Written<'a> {
    /// Parses an expression; `None` if it is not CEL, which the engine reports.
    pub(crate) fn parse(path: String, used: Use, source: &'a str) -> Option<Self> {
        let tree = tree::parse(source).ok()?;
        Some(Self {
            path,
            used,
            source,
            tree,
        })
    }

    /// Returns each path of names that the expression reads below `root`, such as `["claims",
    /// "kubernetes.io", "namespace"]`; the longest form of each.
    pub(crate) fn reads(&self) -> Vec<Vec<String>> {
        reads(&self.tree)
    }
}

/// Hands a node and all nodes below it to `visit`.
pub(crate) fn walk<'a>(node: &'a IdedExpr, visit: &mut dyn FnMut(&'a IdedExpr)) {
    visit(node);
    tree::children(node, &mut |child| walk(child, visit));
}

/// The paths of names that a tree reads: from a variable, as far as names are constant.
pub(crate) fn reads(node: &IdedExpr) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    add_reads(node, &mut found);
    found
}

fn add_reads(node: &IdedExpr, found: &mut Vec<Vec<String>>) {
    if let Some(path) = path(node) {
        if !found.contains(&path) {
            found.push(path);
        }
        return;
    }
    tree::children(node, &mut |child| add_reads(child, found));
}

/// `claims.a["b"]` as `["claims", "a", "b"]`, also with `?` in it; `None` for other nodes.
pub(crate) fn path(node: &IdedExpr) -> Option<Vec<String>> {
    match &node.expr {
        Expr::Ident(name) => Some(vec![name.clone()]),
        Expr::Select(select) => extended(&select.operand, &select.field),
        Expr::Call(call)
            if [
                operators::INDEX,
                operators::OPT_INDEX,
                operators::OPT_SELECT,
            ]
            .contains(&&*call.func_name) =>
        {
            let [operand, name] = call.args.as_slice() else {
                return None;
            };
            extended(operand, text(name)?)
        }
        _ => None,
    }
}

fn extended(operand: &IdedExpr, name: &str) -> Option<Vec<String>> {
    let mut path = path(operand)?;
    path.push(name.to_owned());
    Some(path)
}

/// The text of a literal.
pub(crate) fn text(node: &IdedExpr) -> Option<&str> {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

/// A call of a function or an operator: its name, and the receiver with the arguments.
pub(crate) fn call(node: &IdedExpr) -> Option<(&str, Vec<&IdedExpr>)> {
    let Expr::Call(call) = &node.expr else {
        return None;
    };
    let all = call.target.as_deref().into_iter().chain(&call.args);
    Some((&call.func_name, all.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_expression_reads_is_a_path_of_names() {
        let rows = [
            ("claims.a == 'x'", "claims.a"),
            ("claims['a.b'].c + vars.d", "claims.a.b.c vars.d"),
            ("claims.?a.orValue('') == ''", "claims.a"),
            ("has(claims.a.b)", "claims.a.b"),
            ("req.claims.x in ['a', req.tag]", "req.claims.x req.tag"),
            ("claims[claims.n]", "claims claims.n"),
            ("1 == 2", ""),
        ];
        for (source, expected) in rows {
            let tree = tree::parse(source).unwrap();
            let found: Vec<String> = reads(&tree).iter().map(|path| path.join(".")).collect();
            assert_eq!(found.join(" "), expected, "{source}");
        }
    }
}
