//! What can be refused before any value is seen: unknown names and functions, mixed literals, types
//! that never fit.
//!
//! It follows cel-go's checker where that refuses; what is only known when a value is seen is left
//! to the evaluation.

use cel_interpreter::IdedExpr;
use cel_interpreter::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, ListExpr, LiteralValue, MapExpr, SelectExpr,
    operators,
};

use super::constants;
use super::error::{CompileError, mismatch};
use super::operators::{
    Checked, binary, fit, is_binary, member_of, result_type, shown, symbol, unwrapped,
};
use super::signatures::{FUNCTIONS, NAMESPACES, Receiver};
use super::types::Type;

/// Names that stand for types, so that `type(x) == string` can be written.
const TYPES: &[&str] = &[
    "bool",
    "bytes",
    "double",
    "int",
    "list",
    "map",
    "null_type",
    "optional_type",
    "string",
    "type",
    "uint",
];

/// Qualified names that stand for types.
const QUALIFIED_TYPES: &[&str] = &["google.protobuf.Timestamp", "google.protobuf.Duration"];

/// The type of the tree's result, as far as it can be known.
pub(super) fn check(tree: &IdedExpr, variables: &'static [&'static str]) -> Checked {
    Checker {
        variables,
        locals: Vec::new(),
        mixed: false,
    }
    .node(tree)
}

struct Checker {
    variables: &'static [&'static str],
    /// Variables of macros, innermost last.
    locals: Vec<(String, Type)>,
    /// True if literals may mix types here.
    mixed: bool,
}

impl Checker {
    fn node(&mut self, node: &IdedExpr) -> Checked {
        match &node.expr {
            Expr::Unspecified => Err(CompileError::Syntax { line: 1, column: 1 }),
            Expr::Literal(literal) => Ok(literal_type(literal)),
            Expr::Ident(name) => self.name(name),
            Expr::Select(select) => self.select(node, select),
            Expr::List(list) => self.list(list),
            Expr::Map(map) => self.map(map),
            Expr::Struct(message) => Err(CompileError::Message(message.type_name.clone())),
            Expr::Comprehension(loops) => self.comprehension(loops),
            Expr::Call(call) => self.call(call),
        }
    }

    fn name(&self, name: &str) -> Checked {
        if let Some((_, local)) = self.locals.iter().rev().find(|(local, _)| local == name) {
            return Ok(local.clone());
        }
        if self.variables.contains(&name) {
            return Ok(Type::Map(Box::new(Type::String), Box::new(Type::Dyn)));
        }
        if TYPES.contains(&name) {
            return Ok(Type::Meta);
        }
        let expected = self
            .variables
            .iter()
            .map(|name| format!("`{name}.`..."))
            .collect::<Vec<_>>()
            .join(" or ");
        Err(CompileError::UnknownName {
            name: name.to_owned(),
            expected,
        })
    }

    fn select(&mut self, node: &IdedExpr, select: &SelectExpr) -> Checked {
        if qualified_name(node).is_some_and(|name| QUALIFIED_TYPES.contains(&name.as_str())) {
            return Ok(Type::Meta);
        }
        let member = match self.node(&select.operand)? {
            Type::Map(_, value) => *value,
            Type::Optional(value) => Type::optional(member_of(&value)),
            Type::Dyn | Type::Any => Type::Dyn,
            other => return mismatch(format!("a {other} has no member `{}`", select.field)),
        };
        Ok(if select.test { Type::Bool } else { member })
    }

    fn list(&mut self, list: &ListExpr) -> Checked {
        let mut element = Type::Any;
        for (index, item) in list.elements.iter().enumerate() {
            let mut found = self.node(item)?;
            if list.optional_indices.contains(&index) {
                found = unwrapped(found);
            }
            element = self.unify("list", &element, &found)?;
        }
        Ok(Type::list(element))
    }

    fn map(&mut self, map: &MapExpr) -> Checked {
        let (mut key, mut value) = (Type::Any, Type::Any);
        for entry in &map.entries {
            let EntryExpr::MapEntry(entry) = &entry.expr else {
                return Err(CompileError::Message("{}".to_owned()));
            };
            let found = self.node(&entry.key)?;
            if !constants::may_be_key(&entry.key, &found) {
                return mismatch(format!("a {found} cannot be a key"));
            }
            key = self.unify("map", &key, &found)?;
            let found = self.node(&entry.value)?;
            value = self.unify(
                "map",
                &value,
                &if entry.optional {
                    unwrapped(found)
                } else {
                    found
                },
            )?;
        }
        Ok(Type::Map(Box::new(key), Box::new(value)))
    }

    fn unify(&self, literal: &str, one: &Type, other: &Type) -> Checked {
        if let Some(unified) = one.unify(other) {
            return Ok(unified);
        }
        if self.mixed {
            return Ok(Type::Dyn);
        }
        let hint = if one.is_open() == other.is_open() {
            ""
        } else {
            ", join lists with `+` or convert with `string()`"
        };
        mismatch(format!(
            "a {literal} literal cannot mix {one} and {other}{hint}"
        ))
    }

    fn comprehension(&mut self, loops: &ComprehensionExpr) -> Checked {
        let item = match self.node(&loops.iter_range)? {
            Type::List(element) => *element,
            Type::Map(key, _) => *key,
            Type::Dyn | Type::Any => Type::Dyn,
            other => return mismatch(format!("a {other} cannot be iterated")),
        };
        let start = self.node(&loops.accu_init)?;
        let outer = self.locals.len();
        self.locals.push((loops.accu_var.clone(), start));
        self.locals.push((loops.iter_var.clone(), item));
        self.bool("macro", &loops.loop_cond)?;
        let step = self.node(&loops.loop_step)?;
        self.locals.truncate(outer);
        self.locals.push((loops.accu_var.clone(), step));
        let result = self.node(&loops.result);
        self.locals.truncate(outer);
        result
    }

    fn call(&mut self, call: &CallExpr) -> Checked {
        match (call.target.as_deref(), call.args.as_slice()) {
            (None, arguments) => match self.operator(&call.func_name, arguments) {
                Some(result) => result,
                None => self.function(call, &call.func_name, None),
            },
            (Some(target), _) => match qualified_name(target) {
                Some(space) if NAMESPACES.contains(&space.as_str()) => {
                    self.function(call, &format!("{space}.{}", call.func_name), None)
                }
                _ => {
                    let receiver = self.node(target)?;
                    self.function(call, &call.func_name, Some(receiver))
                }
            },
        }
    }

    fn function(&mut self, call: &CallExpr, name: &str, receiver: Option<Type>) -> Checked {
        let arguments = call.args.as_slice();
        let count = arguments.len();
        let kind = |kind: Receiver| {
            receiver
                .as_ref()
                .map_or(kind == Receiver::None, |receiver| kind.accepts(receiver))
        };
        let mut named = FUNCTIONS
            .iter()
            .filter(|function| function.0 == name)
            .peekable();
        if named.peek().is_none() {
            return Err(CompileError::UnknownFunction(shown(name)));
        }
        let found = named
            .find(|&&(_, on, least, takes, _)| kind(on) && (least..=takes.len()).contains(&count));
        let Some(&(_, _, _, takes, returns)) = found else {
            return Err(CompileError::UnknownFunction(shown(name)));
        };
        let mut types = Vec::with_capacity(count);
        let mut formatted = Vec::new();
        for argument in arguments {
            types.push(match &argument.expr {
                // The one place where literals may be mixed.
                Expr::List(list) if name == "format" => {
                    let outer = std::mem::replace(&mut self.mixed, true);
                    formatted = list
                        .elements
                        .iter()
                        .map(|item| self.node(item))
                        .collect::<Result<_, _>>()?;
                    self.mixed = outer;
                    Type::list(Type::Dyn)
                }
                _ => self.node(argument)?,
            });
        }
        for (accepted, found) in takes.iter().zip(&types) {
            if found
                .letter()
                .is_some_and(|letter| !accepted.contains(letter))
            {
                return mismatch(format!("`{}` does not take a {found}", shown(name)));
            }
        }
        if !fit(name, receiver.as_ref(), &types) {
            return mismatch(format!(
                "the types of `{}` do not fit each other",
                shown(name)
            ));
        }
        constants::check(call, if name == "format" { &formatted } else { &types })?;
        Ok(result_type(returns, receiver, types.into_iter().next()))
    }

    /// The type of an operator's result; `None` when `name` is no operator.
    fn operator(&mut self, name: &str, arguments: &[IdedExpr]) -> Option<Checked> {
        Some(match (name, arguments) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR, [left, right]) => {
                self.bool(name, left).and_then(|_| self.bool(name, right))
            }
            (operators::LOGICAL_NOT | operators::NOT_STRICTLY_FALSE, [one]) => self.bool(name, one),
            (operators::CONDITIONAL, [condition, yes, no]) => self.conditional(condition, yes, no),
            (operators::NEGATE, [one]) => self.node(one).and_then(|found| match found {
                Type::Int | Type::Double | Type::Dyn | Type::Any => Ok(found),
                other => mismatch(format!("`-` does not take a {other}")),
            }),
            (
                operators::INDEX | operators::OPT_INDEX | operators::OPT_SELECT,
                [container, index],
            ) => self.index(name, container, index),
            (_, [left, right]) if is_binary(name) => {
                let types = self
                    .node(left)
                    .and_then(|left| Ok((left, self.node(right)?)));
                types.and_then(|(left, right)| binary(name, &left, &right))
            }
            _ => return None,
        })
    }

    fn bool(&mut self, operator: &str, node: &IdedExpr) -> Checked {
        match self.node(node)? {
            Type::Bool | Type::Dyn | Type::Any => Ok(Type::Bool),
            other => mismatch(format!("`{}` takes bools, not a {other}", symbol(operator))),
        }
    }

    fn conditional(&mut self, condition: &IdedExpr, yes: &IdedExpr, no: &IdedExpr) -> Checked {
        self.bool("?", condition)?;
        let (yes, no) = (self.node(yes)?, self.node(no)?);
        match yes.join(&no) {
            Some(joined) => Ok(joined),
            None => mismatch(format!(
                "both results of `? :` must have one type, not {yes} and {no}"
            )),
        }
    }

    fn index(&mut self, operator: &str, container: &IdedExpr, index: &IdedExpr) -> Checked {
        let container = self.node(container)?;
        let key = self.node(index)?;
        let fits = constants::may_be_key(index, &key);
        let (optional, container) = match container {
            Type::Optional(inner) => (true, *inner),
            other => (operator != operators::INDEX, other),
        };
        let element = match container {
            Type::List(element)
                if operator != operators::OPT_SELECT && fits && key.join(&Type::Int).is_some() =>
            {
                *element
            }
            Type::Map(keys, value) if fits && key.join(&keys).is_some() => *value,
            Type::List(_) | Type::Map(..) => {
                return mismatch(format!("no element can be selected with a {key}"));
            }
            Type::Dyn | Type::Any => Type::Dyn,
            other => return mismatch(format!("a {other} has no elements to select")),
        };
        Ok(if optional {
            Type::optional(element)
        } else {
            element
        })
    }
}

const fn literal_type(literal: &LiteralValue) -> Type {
    match literal {
        LiteralValue::Boolean(_) => Type::Bool,
        LiteralValue::Bytes(_) => Type::Bytes,
        LiteralValue::Double(_) => Type::Double,
        LiteralValue::Int(_) => Type::Int,
        LiteralValue::Null => Type::Null,
        LiteralValue::String(_) => Type::String,
        LiteralValue::UInt(_) => Type::UInt,
    }
}

/// `a.b.c` when the node spells a name.
pub(super) fn qualified_name(node: &IdedExpr) -> Option<String> {
    match &node.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) if !select.test => Some(format!(
            "{}.{}",
            qualified_name(&select.operand)?,
            select.field
        )),
        _ => None,
    }
}
