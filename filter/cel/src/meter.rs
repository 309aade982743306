//! Where an expression pays for what it does: calls into [`super::budget`], put into the checked
//! tree.
//!
//! Every loop pays for each turn by the size of its body, and everything that reads or copies a
//! value as a whole pays for that value before: arguments and receivers of functions, operands of
//! comparisons and of `+`, ranges of loops, elements of literals. What is left costs no more than
//! the text is long: equality with a short literal, for one. So the work of an evaluation is
//! bounded by its budget, whatever the claims are.

use cel_interpreter::IdedExpr;
use cel_interpreter::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedEntryExpr, LiteralValue, operators,
};

use super::check::qualified_name;
use super::scope::Scope;
use super::select::{FIND, GET, HAS};
use super::sets::SETS;
use super::signatures::{ADD, KEY, NAMESPACES, PAY};
use super::syntax::{children, node};
use super::{budget, text};

/// Longest literal that costs nothing.
const SHORT: usize = 64;

/// Functions that pay by themselves, and so get the evaluation as an argument; those of `sets` do,
/// too.
const PAYING: &[&str] = &["matches", "@replace", "@join"];

/// Puts payments into the tree of an expression of this scope.
pub(super) fn meter(tree: &mut IdedExpr, scope: Scope) {
    Meter {
        document: scope.root(),
    }
    .meter(tree);
}

struct Meter {
    /// The variable in which functions find the evaluation.
    document: &'static str,
}

impl Meter {
    fn evaluation(&self) -> IdedExpr {
        node(Expr::Ident(self.document.to_owned()))
    }

    fn meter(&self, tree: &mut IdedExpr) {
        match &mut tree.expr {
            Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
            Expr::Select(select) => self.meter(&mut select.operand),
            Expr::List(list) => list.elements.iter_mut().for_each(|node| self.paid(node)),
            Expr::Map(map) => map.entries.iter_mut().for_each(|node| self.entry(node)),
            Expr::Struct(message) => message.entries.iter_mut().for_each(|node| self.entry(node)),
            Expr::Comprehension(loops) => self.comprehension(loops),
            Expr::Call(found) => {
                if self.call(found) {
                    self.pay(tree, 0);
                }
            }
        }
    }

    /// Meters a call; true when its result has to be paid for.
    fn call(&self, call: &mut CallExpr) -> bool {
        use operators::{
            CONDITIONAL, EQUALS, INDEX, LOGICAL_AND, LOGICAL_NOT, LOGICAL_OR, NEGATE, NOT_EQUALS,
            NOT_STRICTLY_FALSE,
        };
        match call.func_name.as_str() {
            LOGICAL_AND | LOGICAL_OR | LOGICAL_NOT | CONDITIONAL | NOT_STRICTLY_FALSE | NEGATE => {
                call.args.iter_mut().for_each(|node| self.meter(node));
            }
            // The container is not read as a whole, the index is. Where the result is a copy, the
            // function pays for it.
            INDEX | HAS | FIND | GET => {
                if let [container, index] = call.args.as_mut_slice() {
                    self.meter(container);
                    self.key(index, call.func_name == INDEX);
                }
                if call.func_name != INDEX {
                    call.args.push(self.evaluation());
                }
            }
            // Whatever the other operand is, no more of it is read than the literal is long.
            EQUALS | NOT_EQUALS if call.args.iter().any(is_short) => {
                call.args.iter_mut().for_each(|node| self.meter(node));
            }
            // Pays for both operands itself: a chain of `+` must not become deeper.
            operators::ADD => {
                ADD.clone_into(&mut call.func_name);
                call.args.iter_mut().for_each(|node| self.meter(node));
                call.args.push(self.evaluation());
            }
            name => {
                if let (Some(name), true) = (text::own_name(name), call.target.is_some()) {
                    name.clone_into(&mut call.func_name);
                }
                let space = call
                    .target
                    .as_ref()
                    .and_then(|target| qualified_name(target));
                if let Some(target) = &mut call.target
                    && !space
                        .as_ref()
                        .is_some_and(|space| NAMESPACES.contains(&space.as_str()))
                {
                    self.paid(target);
                }
                call.args.iter_mut().for_each(|node| self.paid(node));
                if PAYING.contains(&call.func_name.as_str())
                    || space.is_some_and(|space| space == SETS)
                {
                    call.args.push(self.evaluation());
                }
                // Each part is a value of its own.
                return call.func_name == "split";
            }
        }
        false
    }

    fn entry(&self, entry: &mut IdedEntryExpr) {
        match &mut entry.expr {
            EntryExpr::StructField(field) => self.paid(&mut field.value),
            EntryExpr::MapEntry(entry) => {
                self.paid(&mut entry.key);
                self.paid(&mut entry.value);
            }
        }
    }

    fn comprehension(&self, loops: &mut ComprehensionExpr) {
        let turn = budget::NODE * (weight(&loops.loop_cond) + weight(&loops.loop_step));
        self.paid(&mut loops.iter_range);
        self.paid(&mut loops.accu_init);
        self.meter(&mut loops.loop_cond);
        // The crate knows `map` and `filter` by their shape, which therefore stays: a literal
        // condition, `accumulator + [element]`.
        if matches!(loops.loop_cond.expr, Expr::Literal(_)) {
            self.step(&mut loops.loop_step, turn);
        } else {
            self.meter(&mut loops.loop_step);
            self.pay(&mut loops.loop_cond, turn);
        }
        // The accumulator as it is, which makes no copy; the crate knows `map` and `filter` by
        // this, too.
        if !matches!(&loops.result.expr, Expr::Ident(name) if *name == loops.accu_var) {
            self.paid(&mut loops.result);
        }
    }

    /// The step of `map`, `filter` and `exists_one`.
    fn step(&self, node: &mut IdedExpr, turn: usize) {
        let Expr::Call(call) = &mut node.expr else {
            return self.meter(node);
        };
        match (call.func_name.as_str(), call.args.as_mut_slice()) {
            (operators::CONDITIONAL, [condition, then, _]) => {
                self.meter(condition);
                self.pay(condition, turn);
                self.step(then, 0);
            }
            (
                operators::ADD,
                [
                    _,
                    IdedExpr {
                        expr: Expr::List(list),
                        ..
                    },
                ],
            ) => {
                for element in &mut list.elements {
                    self.meter(element);
                    self.pay(element, turn);
                }
            }
            // `accumulator + 1`.
            (operators::ADD, _) => {}
            _ => self.meter(node),
        }
    }

    /// Meters `node` and makes it pay for its value, unless that is small for sure.
    fn paid(&self, node: &mut IdedExpr) {
        if !is_short(node) {
            self.meter(node);
            self.pay(node, 0);
        }
    }

    /// Meters the index of an element; `checked` for the crate's own operator, which must see none
    /// that is a fraction.
    fn key(&self, index: &mut IdedExpr, checked: bool) {
        if !checked {
            self.paid(index);
        } else if !matches!(
            index.expr,
            Expr::Literal(LiteralValue::Int(_) | LiteralValue::String(_))
        ) {
            self.meter(index);
            self.wrap(index, KEY, Vec::new());
        }
    }

    fn pay(&self, place: &mut IdedExpr, extra: usize) {
        let units = || {
            node(Expr::Literal(LiteralValue::Int(
                i64::try_from(extra).unwrap_or(i64::MAX).into(),
            )))
        };
        self.wrap(
            place,
            PAY,
            if extra == 0 {
                Vec::new()
            } else {
                vec![units()]
            },
        );
    }

    fn wrap(&self, place: &mut IdedExpr, function: &str, mut more: Vec<IdedExpr>) {
        more.push(self.evaluation());
        more.insert(0, std::mem::replace(place, node(Expr::Unspecified)));
        place.expr = Expr::Call(CallExpr {
            func_name: function.to_owned(),
            target: None,
            args: more,
        });
    }
}

/// Returns true for a literal that costs nothing.
fn is_short(node: &IdedExpr) -> bool {
    match &node.expr {
        Expr::Literal(LiteralValue::String(text)) => text.inner().len() <= SHORT,
        Expr::Literal(LiteralValue::Bytes(bytes)) => bytes.inner().len() <= SHORT,
        Expr::Literal(_) => true,
        _ => false,
    }
}

/// The number of nodes.
fn weight(tree: &IdedExpr) -> usize {
    let mut open = vec![tree];
    let mut nodes = 0;
    while let Some(node) = open.pop() {
        nodes += 1;
        children(node, &mut |child| open.push(child));
    }
    nodes
}
