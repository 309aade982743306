//! Which members of its document an expression may read, going by its text.

use cel_interpreter::IdedExpr;
use cel_interpreter::common::ast::{Expr, LiteralValue, operators};

use super::syntax::children;

/// Members of an object, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Members {
    /// Every one, or it is not known which.
    All,
    /// These at most.
    These(Vec<String>),
}

impl Default for Members {
    fn default() -> Self {
        Self::These(Vec::new())
    }
}

impl Members {
    /// Those of a document that a tree may read. The document is a variable, or a member of one: a
    /// path of names.
    pub(super) fn read_by(tree: &IdedExpr, document: &[&str]) -> Self {
        let mut members = Self::default();
        members.add_read_by(tree, document);
        members
    }

    /// Returns true if the member of this name is among them.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(names) => names.iter().any(|known| known == name),
        }
    }

    /// Adds others.
    pub fn add(&mut self, others: &Self) {
        match (&*self, others) {
            (Self::These(_), Self::These(others)) => {
                for name in others {
                    self.add_name(name);
                }
            }
            _ => *self = Self::All,
        }
    }

    fn add_read_by(&mut self, node: &IdedExpr, document: &[&str]) {
        if let Some(member) = Member::of(node)
            && let Some(depth) = depth(member.operand, document)
        {
            match document.get(depth) {
                None => self.add_name(member.name),
                // The document as a whole: what happens to it is not known here.
                Some(next) if *next == member.name && !member.is_tested => *self = Self::All,
                // Another member of what the document is in, or only whether the document is there.
                Some(_) => {}
            }
            return;
        }
        if depth(node, document).is_some() {
            *self = Self::All;
        }
        children(node, &mut |child| self.add_read_by(child, document));
    }

    fn add_name(&mut self, name: &str) {
        if !self.contains(name)
            && let Self::These(names) = self
        {
            names.push(name.to_owned());
        }
    }
}

/// One step from a value to its member, in any of the ways to write it, by a name that is known
/// before any value is.
struct Member<'a> {
    operand: &'a IdedExpr,
    name: &'a str,
    /// `has(...)`, which does not yield the member.
    is_tested: bool,
}

impl<'a> Member<'a> {
    fn of(node: &'a IdedExpr) -> Option<Self> {
        match &node.expr {
            Expr::Select(select) => Some(Self {
                operand: &select.operand,
                name: &select.field,
                is_tested: select.test,
            }),
            Expr::Call(call)
                if [
                    operators::INDEX,
                    operators::OPT_INDEX,
                    operators::OPT_SELECT,
                ]
                .contains(&&*call.func_name) =>
            {
                let [
                    operand,
                    IdedExpr {
                        expr: Expr::Literal(LiteralValue::String(name)),
                        ..
                    },
                ] = call.args.as_slice()
                else {
                    return None;
                };
                Some(Self {
                    operand,
                    name: name.inner(),
                    is_tested: false,
                })
            }
            _ => None,
        }
    }
}

/// How many names of the path lead to this node; `None` if it does not lie on the path.
fn depth(node: &IdedExpr, path: &[&str]) -> Option<usize> {
    if let Expr::Ident(name) = &node.expr {
        return (path.first() == Some(&name.as_str())).then_some(1);
    }
    let member = Member::of(node).filter(|member| !member.is_tested)?;
    let outer = depth(member.operand, path)?;
    (path.get(outer) == Some(&member.name)).then_some(outer + 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Bindings, Document, Expression, Map, Scope};

    /// With the claims that it reads an expression has the same result as with all of them.
    #[test]
    fn the_claims_that_a_condition_reads_are_known_or_assumed() {
        const ALL: Option<&[&str]> = None;
        let rows: [(&str, Option<&[&str]>); 29] = [
            ("req.claims.team == 'x'", Some(&["team"])),
            ("req.claims['team'] == 'x'", Some(&["team"])),
            ("req['claims'].team == 'x'", Some(&["team"])),
            ("req.claims.`team` == 'x'", Some(&["team"])),
            ("has(req.claims.untrusted)", Some(&["untrusted"])),
            (
                "!(has(req.claims.untrusted) && req.tag == 'latest')",
                Some(&["untrusted"]),
            ),
            ("req.?claims.?env.orValue('dev') != 'prod'", Some(&["env"])),
            ("req.claims.?env.orValue('dev') != 'prod'", Some(&["env"])),
            (
                "req.claims[?'env'].orValue('dev') != 'prod'",
                Some(&["env"]),
            ),
            (
                "req.claims.nested.team == 'x' && req.claims.team == 'x'",
                Some(&["nested", "team"]),
            ),
            ("has(req.claims.nested.team)", Some(&["nested"])),
            (
                "req.claims.roles.exists(role, role == req.claims.team)",
                Some(&["roles", "team"]),
            ),
            ("has(req.claims)", Some(&[])),
            ("req.user.username == 'claims'", Some(&[])),
            ("req.user.claims == 'x'", Some(&[])),
            ("has(req.user.claims)", Some(&[])),
            ("'claims' in req.user", Some(&[])),
            ("req.claims == {}", ALL),
            ("'untrusted' in req.claims", ALL),
            ("req.claims.exists(name, name == 'untrusted')", ALL),
            ("req.claims.size() == 4", ALL),
            ("req.claims[req.tag] == 'x'", ALL),
            ("[req.claims].exists(all, has(all.untrusted))", ALL),
            ("optional.of(req.claims).hasValue()", ALL),
            ("req.?claims.hasValue()", ALL),
            ("req[req.tag] == 'x'", ALL),
            ("req.exists(name, name == 'claims')", ALL),
            ("req == {}", ALL),
            ("[req][0].claims.team == 'x'", ALL),
        ];
        let claims = json!({
            "team": "x", "untrusted": true, "env": "prod", "roles": ["x"], "nested": { "team": "x" }, "other": 1,
        });
        let claims = claims.as_object().unwrap();
        for (source, expected) in rows {
            let expression = Expression::compile(source, Scope::Conditions).unwrap();
            let read = expression.reads_of_claims();
            let listed = |names: &[&str]| {
                Members::These(names.iter().map(|name| (*name).to_owned()).collect())
            };
            assert_eq!(*read, expected.map_or(Members::All, listed), "{source}");
            let says = |claims: &Document| {
                let user = Map::default().text("username", "u");
                let request = Map::default()
                    .document("claims", claims)
                    .map("user", user)
                    .text("tag", "latest");
                expression.evaluate_bool(&Bindings::conditions(&request.build()))
            };
            assert_eq!(
                says(&Document::from_some_claims(claims, read)),
                says(&Document::from_claims(claims)),
                "{source}"
            );
        }
    }
}
