//! Functions of text whose cost in the crate is not linear in the size of their arguments: searches
//! are linear here, and what grows pays before.

use cel_interpreter::common::types::{
    CelInt, CelList, CelString, DYN_TYPE, INT_TYPE, LIST_TYPE, STRING_TYPE, Type,
};
use cel_interpreter::common::value::CowVal;
use cel_interpreter::{DeclarationError, Env, ExecutionError};

use super::evaluation::{Evaluation, FunctionResult};

/// Names of the crate's functions and of those that replace them.
const OWN: &[(&str, &str)] = &[
    ("replace", "@replace"),
    ("join", "@join"),
    ("indexOf", "@indexOf"),
    ("lastIndexOf", "@lastIndexOf"),
];

/// The name of the function that replaces the crate's.
pub(super) fn own_name(name: &str) -> Option<&'static str> {
    OWN.iter()
        .find(|(theirs, _)| *theirs == name)
        .map(|(_, own)| *own)
}

/// Declares the functions.
pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    let texts = |count| {
        std::iter::repeat_with(|| STRING_TYPE)
            .take(count)
            .collect::<Vec<_>>()
    };
    let then_int = |count| {
        texts(count)
            .into_iter()
            .chain([INT_TYPE])
            .collect::<Vec<_>>()
    };
    // Those that pay have the evaluation as their last argument, see `meter`.
    let paying = |args: Vec<Type>| args.into_iter().chain([DYN_TYPE]).collect::<Vec<_>>();
    env.add_member_overload(
        "@replace",
        "@replace",
        STRING_TYPE,
        paying(texts(2)),
        |args| replace(&args),
    )?;
    env.add_member_overload(
        "@replace",
        "@replace_n",
        STRING_TYPE,
        paying(then_int(2)),
        |args| replace(&args),
    )?;
    env.add_member_overload("@join", "@join", LIST_TYPE, paying(Vec::new()), |args| {
        join(&args)
    })?;
    env.add_member_overload("@join", "@join_with", LIST_TYPE, paying(texts(1)), |args| {
        join(&args)
    })?;
    env.add_member_overload("@indexOf", "@index", STRING_TYPE, texts(1), |args| {
        index_of(&args)
    })?;
    env.add_member_overload("@indexOf", "@index_at", STRING_TYPE, then_int(1), |args| {
        index_of(&args)
    })?;
    env.add_member_overload("@lastIndexOf", "@last", STRING_TYPE, texts(1), |args| {
        last_index_of(&args)
    })?;
    env.add_member_overload(
        "@lastIndexOf",
        "@last_at",
        STRING_TYPE,
        then_int(1),
        |args| last_index_of(&args),
    )
}

fn replace<'b, 'v>(args: &[CowVal<'b, 'v>]) -> FunctionResult<'b, 'v> {
    let (evaluation, args) = Evaluation::split(args)?;
    let (text, from, to) = (string(args, 0)?, string(args, 1)?, string(args, 2)?);
    let most = if args.len() > 3 {
        usize::try_from(int(args, 3)?).unwrap_or(usize::MAX)
    } else {
        usize::MAX
    };
    let found = text.matches(from).take(most).count();
    evaluation
        .budget()
        .pay(text.len().saturating_add(found.saturating_mul(to.len())))?;
    Ok(CowVal::owned(CelString::from(
        text.replacen(from, to, most),
    )))
}

fn join<'b, 'v>(args: &[CowVal<'b, 'v>]) -> FunctionResult<'b, 'v> {
    let (evaluation, args) = Evaluation::split(args)?;
    let list = args
        .first()
        .and_then(|list| list.downcast_ref::<CelList<'v>>())
        .ok_or_else(mismatch)?;
    let separator = if args.len() > 1 { string(args, 1)? } else { "" };
    evaluation
        .budget()
        .pay(list.inner().len().saturating_mul(separator.len()))?;
    let texts = list
        .inner()
        .iter()
        .map(|item| item.downcast_ref::<CelString<'v>>().map(CelString::inner));
    let texts = texts.collect::<Option<Vec<_>>>().ok_or_else(mismatch)?;
    Ok(CowVal::owned(CelString::from(texts.join(separator))))
}

/// Positions are counted in code points; a search that begins beyond the end finds nothing.
fn index_of<'b, 'v>(args: &[CowVal<'b, 'v>]) -> FunctionResult<'b, 'v> {
    let (text, needle) = (string(args, 0)?, string(args, 1)?);
    let found = match start(args, text)? {
        Some(start) => text
            .get(start..)
            .and_then(|rest| rest.find(needle))
            .map(|at| start + at),
        None => None,
    };
    Ok(position(text, found))
}

fn last_index_of<'b, 'v>(args: &[CowVal<'b, 'v>]) -> FunctionResult<'b, 'v> {
    let (text, needle) = (string(args, 0)?, string(args, 1)?);
    let found = match (args.len(), start(args, text)?) {
        (2, _) => text.rfind(needle),
        // The last place at which it may begin, and all that it may cover from there.
        (_, Some(start)) => longest_text(text, start.saturating_add(needle.len())).rfind(needle),
        (_, None) => None,
    };
    Ok(position(text, found))
}

/// `text` up to `end`, less if that is inside a character.
fn longest_text(text: &str, end: usize) -> &str {
    let mut end = end.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// The byte of the third argument, which counts code points: zero without one, nothing beyond the
/// end.
fn start(args: &[CowVal<'_, '_>], text: &str) -> Result<Option<usize>, ExecutionError> {
    if args.len() < 3 {
        return Ok(Some(0));
    }
    let offset = int(args, 2)?;
    let offset = usize::try_from(offset)
        .map_err(|_| ExecutionError::function_error("indexOf", "index out of range"))?;
    let start = text
        .char_indices()
        .map(|(at, _)| at)
        .chain([text.len()])
        .nth(offset);
    // Nothing is found everywhere, at the end too.
    Ok(start.or_else(|| {
        string(args, 1)
            .is_ok_and(str::is_empty)
            .then_some(text.len())
    }))
}

fn position<'b, 'v>(text: &str, found: Option<usize>) -> CowVal<'b, 'v> {
    let before = found
        .and_then(|at| text.get(..at))
        .map(|before| before.chars().count());
    CowVal::owned(CelInt::from(
        before.map_or(-1, |count| i64::try_from(count).unwrap_or(i64::MAX)),
    ))
}

fn string<'a, 'v>(args: &'a [CowVal<'_, 'v>], index: usize) -> Result<&'a str, ExecutionError> {
    args.get(index)
        .and_then(|text| text.downcast_ref::<CelString<'v>>())
        .map(CelString::inner)
        .ok_or_else(mismatch)
}

fn int(args: &[CowVal<'_, '_>], index: usize) -> Result<i64, ExecutionError> {
    args.get(index)
        .and_then(|number| number.downcast_ref::<CelInt>())
        .map(|number| *number.inner())
        .ok_or_else(mismatch)
}

fn mismatch() -> ExecutionError {
    ExecutionError::no_such_overload("text", Vec::new())
}
