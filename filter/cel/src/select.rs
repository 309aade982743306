//! Members and elements: `has(x.y)`, `x.?y`, `x[?i]`, and `x.y` and `x[i]` where `x` may be an
//! optional.
//!
//! The crate turns every error of an optional selection into none, so that `!x.?y.hasValue()` holds
//! when the selection failed. As in cel-go, only a missing value is none here: a missing key, an
//! index out of bounds, a member of a value without members.

use cel_interpreter::common::ast::{CallExpr, ComprehensionExpr, Expr, LiteralValue, operators};
use cel_interpreter::common::types::{CelBool, CelDouble, CelList, CelOptional, DYN_TYPE};
use cel_interpreter::common::value::{Builtin, BuiltinRef, CowVal, Val};
use cel_interpreter::{DeclarationError, Env, ExecutionError, IdedExpr};

use super::evaluation::{Arguments, Evaluation, FunctionResult};
use super::syntax::{children, children_mut, node};

/// The function that [`replace`] replaces `has(one.member)` by.
pub(super) const HAS: &str = "@has";
/// The function that [`replace`] replaces `one.?member` and `one[?index]` by.
pub(super) const FIND: &str = "@find";
/// The function that [`replace`] replaces `one.member` and `one[index]` by, where `one` may be an
/// optional.
pub(super) const GET: &str = "@get";

/// Variables that are objects, whatever the claims are.
const VARIABLES: &[&str] = &["claims", "vars", "req"];
/// The first part of the names of types, which look like members.
const TYPES: &str = "google";

/// Declares the functions that [`replace`] uses.
pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    // Container, key, and the evaluation, see `meter`.
    let args = || vec![DYN_TYPE, DYN_TYPE, DYN_TYPE];
    env.add_overload(HAS, HAS, args(), has)?;
    env.add_overload(FIND, FIND, args(), find)?;
    env.add_overload(GET, GET, args(), get)
}

/// Replaces the selections of the crate by ours. Members of claims and of the request, which are
/// not optionals, stay as they are, because that is the cheapest way to read a value.
pub(super) fn replace(tree: &mut IdedExpr) {
    let shadowed = is_shadowed(tree);
    replace_in(tree, shadowed);
}

fn replace_in(tree: &mut IdedExpr, shadowed: bool) {
    children_mut(tree, &mut |child| replace_in(child, shadowed));
    let plain = |operand: &IdedExpr| !shadowed && is_plain(operand);
    match &mut tree.expr {
        Expr::Select(select)
            if select.test || !plain(&select.operand) && !is_type_name(&select.operand) =>
        {
            let function = if select.test { HAS } else { GET };
            let operand = std::mem::replace(&mut *select.operand, node(Expr::Unspecified));
            let member = node(Expr::Literal(LiteralValue::String(
                std::mem::take(&mut select.field).into(),
            )));
            tree.expr = Expr::Call(CallExpr {
                func_name: function.to_owned(),
                target: None,
                args: vec![operand, member],
            });
        }
        Expr::Call(call) => match call.func_name.as_str() {
            operators::OPT_INDEX | operators::OPT_SELECT => FIND.clone_into(&mut call.func_name),
            operators::INDEX if !call.args.first().is_some_and(plain) => {
                GET.clone_into(&mut call.func_name);
            }
            _ => {}
        },
        _ => {}
    }
}

/// Returns true if the value is not an optional: a variable, or a member of claims or request. A
/// member of `vars` may be one.
fn is_plain(tree: &IdedExpr) -> bool {
    match &tree.expr {
        Expr::Ident(name) => VARIABLES.contains(&name.as_str()),
        Expr::Select(select) => !is_vars(&select.operand) && is_plain(&select.operand),
        Expr::Call(call) if call.func_name == operators::INDEX => call
            .args
            .first()
            .is_some_and(|operand| !is_vars(operand) && is_plain(operand)),
        _ => false,
    }
}

fn is_vars(tree: &IdedExpr) -> bool {
    matches!(&tree.expr, Expr::Ident(name) if name == "vars")
}

fn is_type_name(tree: &IdedExpr) -> bool {
    match &tree.expr {
        Expr::Ident(name) => name == TYPES,
        Expr::Select(select) => is_type_name(&select.operand),
        _ => false,
    }
}

/// Returns true if a loop gives the name of a variable to something else.
fn is_shadowed(tree: &IdedExpr) -> bool {
    let mut open = vec![tree];
    while let Some(found) = open.pop() {
        if let Expr::Comprehension(loops) = &found.expr
            && names(loops)
                .iter()
                .any(|name| VARIABLES.contains(name) || *name == TYPES)
        {
            return true;
        }
        children(found, &mut |child| open.push(child));
    }
    false
}

fn names(loops: &ComprehensionExpr) -> [&str; 3] {
    [
        &loops.iter_var,
        loops.iter_var2.as_deref().unwrap_or_default(),
        &loops.accu_var,
    ]
}

/// A container that may be in an optional.
enum Opened<'b, 'v> {
    Plain(CowVal<'b, 'v>),
    Some(CowVal<'b, 'v>),
    None,
}

fn has<'b, 'v>(args: Arguments<'b, 'v>) -> FunctionResult<'b, 'v> {
    let (container, key, evaluation) = three(args)?;
    let evaluation = Evaluation::of(Some(&evaluation))?;
    let found = match open(container) {
        Opened::Plain(container) | Opened::Some(container) => {
            find_in(container, key.as_ref(), evaluation)?.is_some()
        }
        Opened::None => false,
    };
    Ok(CowVal::owned(CelBool::from(found)))
}

fn find<'b, 'v>(args: Arguments<'b, 'v>) -> FunctionResult<'b, 'v> {
    let (container, key, evaluation) = three(args)?;
    let evaluation = Evaluation::of(Some(&evaluation))?;
    match open(container) {
        Opened::Plain(container) | Opened::Some(container) => {
            optional(find_in(container, key.as_ref(), evaluation)?, evaluation)
        }
        Opened::None => optional(None, evaluation),
    }
}

fn get<'b, 'v>(args: Arguments<'b, 'v>) -> FunctionResult<'b, 'v> {
    let (container, key, evaluation) = three(args)?;
    let evaluation = Evaluation::of(Some(&evaluation))?;
    match open(container) {
        Opened::Plain(container) => get_in(container, key.as_ref(), evaluation),
        Opened::Some(container) => {
            optional(find_in(container, key.as_ref(), evaluation)?, evaluation)
        }
        Opened::None => optional(None, evaluation),
    }
}

type Three<'b, 'v> = (CowVal<'b, 'v>, CowVal<'b, 'v>, CowVal<'b, 'v>);

fn three<'b, 'v>(args: Arguments<'b, 'v>) -> Result<Three<'b, 'v>, ExecutionError> {
    let args: Result<[CowVal<'b, 'v>; 3], _> = args.try_into();
    let [container, key, evaluation] = args.map_err(|_| no_overload())?;
    Ok((container, key, evaluation))
}

fn open<'b, 'v>(value: CowVal<'b, 'v>) -> Opened<'b, 'v> {
    match value {
        CowVal::Borrowed(value) => match value.downcast_ref::<CelOptional<'v>>() {
            Some(optional) => optional
                .option()
                .map_or(Opened::None, |inner| Opened::Some(CowVal::Borrowed(inner))),
            None => Opened::Plain(CowVal::Borrowed(value)),
        },
        CowVal::Owned(value) if matches!(value.as_builtin(), BuiltinRef::Optional(_)) => {
            match value.into_builtin() {
                Some(Builtin::Optional(optional)) => Option::<Box<dyn Val + 'v>>::from(optional)
                    .map_or(Opened::None, |inner| Opened::Some(inner.into())),
                _ => Opened::None,
            }
        }
        owned @ CowVal::Owned(_) => Opened::Plain(owned),
    }
}

/// The value at `key`; `None` if it is missing, and an error if no value could be at such a key.
fn find_in<'b, 'v>(
    container: CowVal<'b, 'v>,
    key: &dyn Val,
    evaluation: &Evaluation,
) -> Result<Option<CowVal<'b, 'v>>, ExecutionError> {
    if container.as_indexer().is_none() {
        return Ok(None);
    }
    match get_in(container, key, evaluation) {
        Ok(value) => Ok(Some(value)),
        Err(ExecutionError::NoSuchKey(_) | ExecutionError::IndexOutOfBounds(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

fn get_in<'b, 'v>(
    container: CowVal<'b, 'v>,
    key: &dyn Val,
    evaluation: &Evaluation,
) -> FunctionResult<'b, 'v> {
    // The crate would copy the whole list into its error, which is not paid for.
    if !is_index(key) && container.downcast_ref::<CelList<'v>>().is_some() {
        return Err(no_overload());
    }
    match container {
        CowVal::Borrowed(container) => container.as_indexer().ok_or_else(no_overload)?.get(key),
        CowVal::Owned(container) => {
            let value = container.as_indexer().ok_or_else(no_overload)?.get(key)?;
            evaluation.budget().pay_for(value.as_ref())?;
            Ok(CowVal::Owned(value.into_owned()))
        }
    }
}

/// Returns false for a number that is no index of any list: a fraction, or out of range.
pub(super) fn is_index(key: &dyn Val) -> bool {
    /// The first number that no 64-bit index reaches.
    const OUT_OF_RANGE: f64 = 9_223_372_036_854_775_808.0;
    key.downcast_ref::<CelDouble>().is_none_or(|number| {
        let number = *number.inner();
        number.fract() == 0.0 && number.abs() < OUT_OF_RANGE
    })
}

/// An optional of a copy, which is paid for here.
fn optional<'b, 'v>(
    value: Option<CowVal<'b, 'v>>,
    evaluation: &Evaluation,
) -> FunctionResult<'b, 'v> {
    let Some(value) = value else {
        return Ok(CowVal::owned(CelOptional::none()));
    };
    if value.is_borrowed() {
        evaluation.budget().pay_for(value.as_ref())?;
    }
    Ok(CowVal::owned(CelOptional::of(value.into_owned())))
}

fn no_overload() -> ExecutionError {
    ExecutionError::no_such_overload("select", Vec::new())
}
