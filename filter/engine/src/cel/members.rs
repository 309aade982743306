//! Which members of its document an expression may read, as far as its text tells.

use cel_interpreter::IdedExpr;
use cel_interpreter::common::ast::{Expr, LiteralValue, operators};

use super::functions::HAS;
use super::syntax::children;

/// Members of an object, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Members {
    /// Every one, or it cannot be told which.
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
    /// Those of the variable `document` that a tree may read.
    pub(super) fn read_by(tree: &IdedExpr, document: &str) -> Self {
        let mut members = Self::default();
        members.add_read_by(tree, document);
        members
    }

    /// Whether the member of this name is among them.
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
            (Self::These(_), Self::These(others)) => others.iter().for_each(|name| self.add_name(name)),
            _ => *self = Self::All,
        }
    }

    fn add_read_by(&mut self, node: &IdedExpr, document: &str) {
        let is_document = |node: &IdedExpr| matches!(&node.expr, Expr::Ident(name) if name == document);
        match &node.expr {
            Expr::Select(select) if is_document(&select.operand) => return self.add_name(&select.field),
            Expr::Call(call)
                if [operators::INDEX, operators::OPT_INDEX, operators::OPT_SELECT, HAS].contains(&&*call.func_name) =>
            {
                if let [operand, IdedExpr { expr: Expr::Literal(LiteralValue::String(member)), .. }] =
                    call.args.as_slice()
                    && is_document(operand)
                {
                    return self.add_name(member.inner());
                }
            }
            // The document as a whole: what happens to it cannot be told from here.
            Expr::Ident(_) if is_document(node) => *self = Self::All,
            _ => {}
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
