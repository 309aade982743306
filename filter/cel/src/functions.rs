//! The functions that the crate lacks or does otherwise than cel-go.

use cel_interpreter::common::types::{
    CelBool, CelInt, CelList, CelOptional, CelString, DYN_TYPE, INT_TYPE, LIST_TYPE, STRING_TYPE,
};
use cel_interpreter::common::value::{CowVal, Val};
use cel_interpreter::{DeclarationError, Env, ExecutionError};

use super::evaluation::{Arguments, Evaluation, FunctionResult};
use super::signatures::{ADD, KEY, PAY};
use super::{patterns, re2, select, sets, text};

/// Declares what the crate lacks.
pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    // Calls have an argument more than their expression: the evaluation, see `meter`.
    env.add_overload(
        "matches",
        "matches",
        vec![STRING_TYPE, STRING_TYPE, DYN_TYPE],
        |args| matches(&args),
    )?;
    env.add_member_overload(
        "matches",
        "matches_string",
        STRING_TYPE,
        vec![STRING_TYPE, DYN_TYPE],
        |args| matches(&args),
    )?;
    env.add_member_overload("first", "list_first", LIST_TYPE, Vec::new(), |args| {
        element(&args, <[_]>::first)
    })?;
    env.add_member_overload("last", "list_last", LIST_TYPE, Vec::new(), |args| {
        element(&args, <[_]>::last)
    })?;
    env.add_member_overload(
        "unwrapOpt",
        "list_unwrap_opt",
        LIST_TYPE,
        Vec::new(),
        |args| unwrap(&args),
    )?;
    env.add_overload(
        "optional.unwrap",
        "optional_unwrap_list",
        vec![LIST_TYPE],
        |args| unwrap(&args),
    )?;
    env.add_overload(ADD, ADD, vec![DYN_TYPE, DYN_TYPE, DYN_TYPE], |args| {
        add(&args)
    })?;
    env.add_overload(KEY, KEY, vec![DYN_TYPE, DYN_TYPE], key)?;
    env.add_overload(PAY, PAY, vec![DYN_TYPE, DYN_TYPE], pay)?;
    env.add_overload(
        PAY,
        "@pay_units",
        vec![DYN_TYPE, INT_TYPE, DYN_TYPE],
        pay_units,
    )?;
    select::extension(env)?;
    sets::extension(env)?;
    text::extension(env)
}

/// `one + other`, both paid for.
fn add<'b, 'v>(args: &[CowVal<'b, 'v>]) -> FunctionResult<'b, 'v> {
    let (evaluation, [one, other]) = Evaluation::split(args)? else {
        return Err(ExecutionError::no_such_overload("+", Vec::new()));
    };
    evaluation.budget().pay_for(one.as_ref())?;
    evaluation.budget().pay_for(other.as_ref())?;
    let adder = one
        .as_adder()
        .ok_or_else(|| ExecutionError::no_such_overload("+", Vec::new()))?;
    Ok(CowVal::Owned(adder.add(other.as_ref())?.into_owned()))
}

/// The argument, paid for, if it can be an index: in the error about a fraction the crate would
/// copy the whole list.
fn key<'b, 'v>(mut args: Arguments<'b, 'v>) -> FunctionResult<'b, 'v> {
    let evaluation = args.pop();
    let key = args
        .pop()
        .ok_or_else(|| ExecutionError::no_such_overload(KEY, Vec::new()))?;
    Evaluation::of(evaluation.as_ref())?
        .budget()
        .pay_for(key.as_ref())?;
    if select::is_index(key.as_ref()) {
        Ok(key)
    } else {
        Err(ExecutionError::no_such_overload("index", Vec::new()))
    }
}

/// The first argument, paid for.
fn pay<'b, 'v>(mut args: Arguments<'b, 'v>) -> FunctionResult<'b, 'v> {
    let evaluation = args.pop();
    let value = args
        .pop()
        .ok_or_else(|| ExecutionError::no_such_overload(PAY, Vec::new()))?;
    Evaluation::of(evaluation.as_ref())?
        .budget()
        .pay_for(value.as_ref())?;
    Ok(value)
}

/// The first argument, paid for with units on top.
fn pay_units<'b, 'v>(mut args: Arguments<'b, 'v>) -> FunctionResult<'b, 'v> {
    let evaluation = args.pop();
    let units = args
        .pop()
        .and_then(|units| usize::try_from(*units.downcast_ref::<CelInt>()?.inner()).ok());
    let (Some(value), Some(units)) = (args.pop(), units) else {
        return Err(ExecutionError::no_such_overload(PAY, Vec::new()));
    };
    let budget = Evaluation::of(evaluation.as_ref())?.budget();
    budget.pay(units)?;
    budget.pay_for(value.as_ref())?;
    Ok(value)
}

/// `text.matches(pattern)` and `matches(text, pattern)`.
fn matches<'b, 'v>(args: &[CowVal<'b, 'v>]) -> FunctionResult<'b, 'v> {
    if let (evaluation, [text, pattern]) = Evaluation::split(args)?
        && let Some(text) = text.downcast_ref::<CelString<'v>>()
        && let Some(pattern) = pattern.downcast_ref::<CelString<'v>>()
    {
        let matched = patterns::is_match(evaluation, pattern.inner(), text.inner());
        return match matched {
            Ok(matched) => Ok(CowVal::owned(CelBool::from(matched))),
            Err(re2::InvalidPattern) => Err(ExecutionError::function_error(
                "matches",
                "not a regular expression",
            )),
        };
    }
    Err(ExecutionError::no_such_overload("matches", Vec::new()))
}

/// The shortest digits that give the number back, as Go's `strconv` writes them with format `g`:
/// with an exponent from 1e+06 on and below 1e-04.
pub(super) fn shortest(number: f64) -> String {
    if !number.is_finite() {
        return if number.is_nan() {
            "NaN"
        } else if number > 0.0 {
            "+Inf"
        } else {
            "-Inf"
        }
        .to_owned();
    }
    let scientific = format!("{number:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return number.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.unsigned_abs())
}

fn elements<'a, 'b, 'v>(
    args: &'a [CowVal<'b, 'v>],
) -> Result<&'a [Box<dyn Val + 'v>], ExecutionError> {
    let list = args
        .first()
        .and_then(|list| list.downcast_ref::<CelList<'v>>());
    list.map(CelList::inner)
        .ok_or_else(|| ExecutionError::no_such_overload("list", Vec::new()))
}

type Elements<'v> = [Box<dyn Val + 'v>];

fn element<'b, 'v>(
    args: &[CowVal<'b, 'v>],
    pick: for<'a> fn(&'a Elements<'v>) -> Option<&'a Box<dyn Val + 'v>>,
) -> FunctionResult<'b, 'v> {
    Ok(CowVal::owned(
        pick(elements(args)?)
            .map_or_else(CelOptional::none, |value| CelOptional::of(value.clone())),
    ))
}

/// The contents of the optionals of a list, those without are left out.
fn unwrap<'b, 'v>(args: &[CowVal<'b, 'v>]) -> FunctionResult<'b, 'v> {
    let mut contents: Vec<Box<dyn Val + 'v>> = Vec::new();
    for value in elements(args)? {
        match value.downcast_ref::<CelOptional<'v>>() {
            Some(optional) => contents.extend(optional.option().map(Val::clone_as_boxed)),
            None => return Err(ExecutionError::no_such_overload("unwrap", Vec::new())),
        }
    }
    Ok(CowVal::owned(CelList::from(contents)))
}
