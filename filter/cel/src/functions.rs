//! The functions of the environment: a table of all, and those that the crate lacks or does
//! otherwise than cel-go.

use cel_interpreter::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelOptional, CelString, DYN_TYPE, INT_TYPE, LIST_TYPE,
    STRING_TYPE,
};
use cel_interpreter::common::value::{CowVal, Val};
use cel_interpreter::{DeclarationError, Env, ExecutionError};

use super::evaluation::{Arguments, Evaluation, FunctionResult};
use super::syntax::STRING;
use super::types::Type;
use super::{environment, patterns, re2, select, sets, text};

/// What a member function may be called on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Receiver {
    /// A global function, qualified or not.
    None,
    Text,
    Time,
    Duration,
    List,
    Optional,
    /// Text, bytes, lists, maps.
    Sized,
}

impl Receiver {
    pub(super) const fn accepts(self, receiver: &Type) -> bool {
        match receiver {
            Type::Dyn | Type::Any => !matches!(self, Self::None),
            Type::String => matches!(self, Self::Text | Self::Sized),
            Type::Bytes | Type::Map(..) => matches!(self, Self::Sized),
            Type::List(_) => matches!(self, Self::List | Self::Sized),
            Type::Timestamp => matches!(self, Self::Time),
            Type::Duration => matches!(self, Self::Duration),
            Type::Optional(_) => matches!(self, Self::Optional),
            // Null is a value of these for cel-go's checker.
            Type::Null => matches!(self, Self::Time | Self::Optional),
            Type::Bool | Type::Int | Type::UInt | Type::Double | Type::Meta => false,
        }
    }
}

/// The type of a function's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Returns {
    Bool,
    Int,
    UInt,
    Double,
    Text,
    Bytes,
    Texts,
    Time,
    Duration,
    Type,
    Dyn,
    /// An optional of the (first) argument.
    OptionalOfArgument,
    /// An optional of nothing yet.
    OptionalOfAny,
    /// An optional of an element of the receiver.
    OptionalElement,
    /// What is in the optional receiver.
    Content,
    /// What is in the optional receiver, or the argument.
    ContentOrArgument,
    /// The receiver's own type.
    Receiver,
    /// A list of what is in the optionals of the receiver or argument.
    Unwrapped,
}

/// Name, receiver, number of arguments that must be there, types that each argument may have
/// ([`Type::letter`]), result.
pub(super) type Function = (
    &'static str,
    Receiver,
    usize,
    &'static [&'static str],
    Returns,
);

const ANY: &str = "nbiufsytDTlmo";

/// The function that [`super::meter`] replaces `+` by.
pub(super) const ADD: &str = "@add";
/// The function that [`super::meter`] wraps the index of an element in.
pub(super) const KEY: &str = "@key";
/// The function that [`super::meter`] wraps a value in that is paid for: the value, and maybe units
/// on top of its size.
pub(super) const PAY: &str = "@pay";

/// zot's environment.
pub(super) const FUNCTIONS: &[Function] = &[
    ("size", Receiver::None, 1, &["sylm"], Returns::Int),
    ("int", Receiver::None, 1, &["niufstD"], Returns::Int),
    ("uint", Receiver::None, 1, &["iufs"], Returns::UInt),
    ("double", Receiver::None, 1, &["iufs"], Returns::Double),
    ("bool", Receiver::None, 1, &["bs"], Returns::Bool),
    ("bytes", Receiver::None, 1, &["sy"], Returns::Bytes),
    (STRING, Receiver::None, 1, &["nbiufsytD"], Returns::Text),
    ("dyn", Receiver::None, 1, &[ANY], Returns::Dyn),
    ("type", Receiver::None, 1, &[ANY], Returns::Type),
    ("timestamp", Receiver::None, 1, &["nist"], Returns::Time),
    ("duration", Receiver::None, 1, &["nsD"], Returns::Duration),
    ("matches", Receiver::None, 2, &["s", "s"], Returns::Bool),
    ("base64.encode", Receiver::None, 1, &["y"], Returns::Text),
    ("base64.decode", Receiver::None, 1, &["s"], Returns::Bytes),
    ("strings.quote", Receiver::None, 1, &["s"], Returns::Text),
    (
        "sets.contains",
        Receiver::None,
        2,
        &["l", "l"],
        Returns::Bool,
    ),
    (
        "sets.equivalent",
        Receiver::None,
        2,
        &["l", "l"],
        Returns::Bool,
    ),
    (
        "sets.intersects",
        Receiver::None,
        2,
        &["l", "l"],
        Returns::Bool,
    ),
    (
        "optional.none",
        Receiver::None,
        0,
        &[],
        Returns::OptionalOfAny,
    ),
    (
        "optional.of",
        Receiver::None,
        1,
        &[ANY],
        Returns::OptionalOfArgument,
    ),
    (
        "optional.ofNonZeroValue",
        Receiver::None,
        1,
        &[ANY],
        Returns::OptionalOfArgument,
    ),
    (
        "optional.unwrap",
        Receiver::None,
        1,
        &["l"],
        Returns::Unwrapped,
    ),
    ("size", Receiver::Sized, 0, &[], Returns::Int),
    ("contains", Receiver::Text, 1, &["s"], Returns::Bool),
    ("startsWith", Receiver::Text, 1, &["s"], Returns::Bool),
    ("endsWith", Receiver::Text, 1, &["s"], Returns::Bool),
    ("matches", Receiver::Text, 1, &["s"], Returns::Bool),
    ("charAt", Receiver::Text, 1, &["i"], Returns::Text),
    ("indexOf", Receiver::Text, 1, &["s", "i"], Returns::Int),
    ("lastIndexOf", Receiver::Text, 1, &["s", "i"], Returns::Int),
    ("lowerAscii", Receiver::Text, 0, &[], Returns::Text),
    ("upperAscii", Receiver::Text, 0, &[], Returns::Text),
    ("trim", Receiver::Text, 0, &[], Returns::Text),
    ("reverse", Receiver::Text, 0, &[], Returns::Text),
    (
        "replace",
        Receiver::Text,
        2,
        &["s", "s", "i"],
        Returns::Text,
    ),
    ("split", Receiver::Text, 1, &["s", "i"], Returns::Texts),
    ("substring", Receiver::Text, 1, &["i", "i"], Returns::Text),
    ("format", Receiver::Text, 1, &["l"], Returns::Text),
    ("join", Receiver::List, 0, &["s"], Returns::Text),
    ("first", Receiver::List, 0, &[], Returns::OptionalElement),
    ("last", Receiver::List, 0, &[], Returns::OptionalElement),
    ("unwrapOpt", Receiver::List, 0, &[], Returns::Unwrapped),
    ("value", Receiver::Optional, 0, &[], Returns::Content),
    ("hasValue", Receiver::Optional, 0, &[], Returns::Bool),
    ("or", Receiver::Optional, 1, &["on"], Returns::Receiver),
    (
        "orValue",
        Receiver::Optional,
        1,
        &[ANY],
        Returns::ContentOrArgument,
    ),
    ("getFullYear", Receiver::Time, 0, &["s"], Returns::Int),
    ("getMonth", Receiver::Time, 0, &["s"], Returns::Int),
    ("getDate", Receiver::Time, 0, &["s"], Returns::Int),
    ("getDayOfMonth", Receiver::Time, 0, &["s"], Returns::Int),
    ("getDayOfWeek", Receiver::Time, 0, &["s"], Returns::Int),
    ("getDayOfYear", Receiver::Time, 0, &["s"], Returns::Int),
    ("getHours", Receiver::Time, 0, &["s"], Returns::Int),
    ("getHours", Receiver::Duration, 0, &[], Returns::Int),
    ("getMinutes", Receiver::Time, 0, &["s"], Returns::Int),
    ("getMinutes", Receiver::Duration, 0, &[], Returns::Int),
    ("getSeconds", Receiver::Time, 0, &["s"], Returns::Int),
    ("getSeconds", Receiver::Duration, 0, &[], Returns::Int),
    ("getMilliseconds", Receiver::Time, 0, &["s"], Returns::Int),
    ("getMilliseconds", Receiver::Duration, 0, &[], Returns::Int),
];

/// First parts of qualified function names.
pub(super) const NAMESPACES: &[&str] = &["base64", "strings", "sets", "optional"];

/// Declares what the crate lacks.
pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_overload(STRING, "string_as_go", vec![DYN_TYPE], string)?;
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

/// `string(x)`: doubles as Go prints them, all else as the crate does.
fn string<'b, 'v>(args: Arguments<'b, 'v>) -> FunctionResult<'b, 'v> {
    if let [argument] = args.as_slice()
        && let Some(number) = argument.downcast_ref::<CelDouble>()
    {
        return Ok(CowVal::owned(CelString::from(shortest(*number.inner()))));
    }
    match environment::shared().find_overload("string", &args) {
        Some(overload) => overload(args),
        None => Err(ExecutionError::no_such_overload("string", Vec::new())),
    }
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
fn shortest(number: f64) -> String {
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
