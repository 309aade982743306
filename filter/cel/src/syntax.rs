//! Walks over the tree of an expression.

use cel_interpreter::IdedExpr;
use cel_interpreter::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedEntryExpr, ListExpr, LiteralValue,
    SelectExpr, operators,
};

use super::error::CompileError;

/// The name under which the environment has its own `string`, see [`super::functions`].
pub(super) const STRING: &str = "@string";

/// Hands each child of `node` to `visit`, in the order of the text.
pub(super) fn children<'a>(node: &'a IdedExpr, visit: &mut dyn FnMut(&'a IdedExpr)) {
    match &node.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
        Expr::Select(select) => visit(&select.operand),
        Expr::Call(call) => {
            if let Some(target) = &call.target {
                visit(target);
            }
            call.args.iter().for_each(visit);
        }
        Expr::List(list) => list.elements.iter().for_each(visit),
        Expr::Map(map) => entries(&map.entries, visit),
        Expr::Struct(message) => entries(&message.entries, visit),
        Expr::Comprehension(loops) => {
            for part in [
                &loops.iter_range,
                &loops.accu_init,
                &loops.loop_cond,
                &loops.loop_step,
                &loops.result,
            ] {
                visit(part);
            }
        }
    }
}

fn entries<'a>(entries: &'a [IdedEntryExpr], visit: &mut dyn FnMut(&'a IdedExpr)) {
    for entry in entries {
        match &entry.expr {
            EntryExpr::StructField(field) => visit(&field.value),
            EntryExpr::MapEntry(entry) => {
                visit(&entry.key);
                visit(&entry.value);
            }
        }
    }
}

/// Hands each child of `node` to `visit`, to be changed.
pub(super) fn children_mut(node: &mut IdedExpr, visit: &mut dyn FnMut(&mut IdedExpr)) {
    match &mut node.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
        Expr::Select(select) => visit(&mut select.operand),
        Expr::Call(call) => {
            if let Some(target) = &mut call.target {
                visit(target);
            }
            call.args.iter_mut().for_each(visit);
        }
        Expr::List(list) => list.elements.iter_mut().for_each(visit),
        Expr::Map(map) => entries_mut(&mut map.entries, visit),
        Expr::Struct(message) => entries_mut(&mut message.entries, visit),
        Expr::Comprehension(loops) => {
            let ComprehensionExpr {
                iter_range,
                accu_init,
                loop_cond,
                loop_step,
                result,
                ..
            } = &mut **loops;
            [iter_range, accu_init, loop_cond, loop_step, result]
                .into_iter()
                .for_each(visit);
        }
    }
}

fn entries_mut(entries: &mut [IdedEntryExpr], visit: &mut dyn FnMut(&mut IdedExpr)) {
    for entry in entries {
        match &mut entry.expr {
            EntryExpr::StructField(field) => visit(&mut field.value),
            EntryExpr::MapEntry(entry) => {
                visit(&mut entry.key);
                visit(&mut entry.value);
            }
        }
    }
}

/// Replaces the `string` of the crate by ours, goes on with `?` where it began, and expands
/// `optMap` and `optFlatMap`, which this parser does not.
pub(super) fn rewrite(node: &mut IdedExpr) -> Result<(), CompileError> {
    match &mut node.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => {}
        Expr::Select(select) => {
            rewrite(&mut select.operand)?;
            if !select.test && is_optional(&select.operand) {
                node.expr = optional_select(select);
            }
        }
        Expr::List(list) => list.elements.iter_mut().try_for_each(rewrite)?,
        Expr::Map(map) => rewrite_entries(&mut map.entries)?,
        Expr::Struct(message) => rewrite_entries(&mut message.entries)?,
        Expr::Comprehension(loops) => {
            rewrite(&mut loops.iter_range)?;
            rewrite(&mut loops.accu_init)?;
            rewrite(&mut loops.loop_cond)?;
            rewrite(&mut loops.loop_step)?;
            rewrite(&mut loops.result)?;
        }
        Expr::Call(call) => {
            if let Some(target) = &mut call.target {
                rewrite(target)?;
            }
            call.args.iter_mut().try_for_each(rewrite)?;
            if let Some(expanded) = rewrite_call(call)? {
                node.expr = expanded;
            }
        }
    }
    Ok(())
}

fn rewrite_entries(entries: &mut [IdedEntryExpr]) -> Result<(), CompileError> {
    for entry in entries {
        match &mut entry.expr {
            EntryExpr::StructField(field) => rewrite(&mut field.value)?,
            EntryExpr::MapEntry(entry) => {
                rewrite(&mut entry.key)?;
                rewrite(&mut entry.value)?;
            }
        }
    }
    Ok(())
}

fn rewrite_call(call: &mut CallExpr) -> Result<Option<Expr>, CompileError> {
    match (
        call.func_name.as_str(),
        call.target.is_some(),
        call.args.len(),
    ) {
        ("string", false, 1) => STRING.clone_into(&mut call.func_name),
        ("optMap", true, 2) => return optional_map(call, true).map(Some),
        ("optFlatMap", true, 2) => return optional_map(call, false).map(Some),
        _ => {}
    }
    Ok(None)
}

/// Returns true if the node is a selection with `?`, after which each further one is of that kind
/// too.
fn is_optional(node: &IdedExpr) -> bool {
    matches!(&node.expr, Expr::Call(call) if [operators::OPT_INDEX, operators::OPT_SELECT].contains(&&*call.func_name))
}

/// `a.?b.c` as `a.?b.?c`: a member of a value without members is none, and not an error, as in zot.
fn optional_select(select: &mut SelectExpr) -> Expr {
    let operand = std::mem::replace(&mut *select.operand, node(Expr::Unspecified));
    let field = node(Expr::Literal(LiteralValue::String(
        std::mem::take(&mut select.field).into(),
    )));
    Expr::Call(CallExpr {
        func_name: operators::OPT_SELECT.to_owned(),
        target: None,
        args: vec![operand, field],
    })
}

/// `t.optMap(x, e)` is `t.hasValue() ? optional.of(e with x = t.value()) : optional.none()`, with
/// `t` evaluated once; `optFlatMap` is the same without `optional.of`.
fn optional_map(call: &mut CallExpr, wrap: bool) -> Result<Expr, CompileError> {
    const TARGET: &str = "@target";
    let (Some(target), Some(mapping), Some(variable)) =
        (call.target.take(), call.args.pop(), call.args.pop())
    else {
        return Err(CompileError::UnknownFunction(call.func_name.clone()));
    };
    let Expr::Ident(variable) = variable.expr else {
        return Err(CompileError::Mismatch(format!(
            "the first argument of `{}` is a simple name",
            call.func_name
        )));
    };
    let member = |name: &str| method(Expr::Ident(TARGET.to_owned()), name, Vec::new());
    let optional = |name: &str, args| method(Expr::Ident("optional".to_owned()), name, args);
    let mapped = bind(&variable, node(member("value")), mapping);
    let some = if wrap {
        optional("of", vec![node(mapped)])
    } else {
        mapped
    };
    let choice = Expr::Call(CallExpr {
        func_name: operators::CONDITIONAL.to_owned(),
        target: None,
        args: vec![
            node(member("hasValue")),
            node(some),
            node(optional("none", Vec::new())),
        ],
    });
    Ok(bind(TARGET, *target, node(choice)))
}

/// `result` with `variable` standing for `value`: a loop over nothing whose accumulator is the
/// variable.
fn bind(variable: &str, value: IdedExpr, result: IdedExpr) -> Expr {
    Expr::Comprehension(Box::new(ComprehensionExpr {
        iter_range: node(Expr::List(ListExpr::new(Vec::new()))),
        iter_var: "@unused".to_owned(),
        iter_var2: None,
        accu_var: variable.to_owned(),
        accu_init: value,
        loop_cond: node(Expr::Literal(LiteralValue::Boolean(false.into()))),
        loop_step: node(Expr::Ident(variable.to_owned())),
        result,
    }))
}

fn method(target: Expr, name: &str, args: Vec<IdedExpr>) -> Expr {
    Expr::Call(CallExpr {
        func_name: name.to_owned(),
        target: Some(Box::new(node(target))),
        args,
    })
}

pub(super) fn node(expr: Expr) -> IdedExpr {
    IdedExpr { id: 0, expr }
}
