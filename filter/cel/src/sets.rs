//! The sets extension: lists as sets, elements compared as `==` does, numbers across their types.

use cel_interpreter::common::types::{CelBool, CelList, DYN_TYPE, LIST_TYPE};
use cel_interpreter::common::value::{CowVal, Val};
use cel_interpreter::{DeclarationError, Env, ExecutionError};

use super::budget::UNITS;
use super::evaluation::{Evaluation, FunctionResult};

/// The first part of the names of these functions.
pub(super) const SETS: &str = "sets";

/// Declares `sets.contains`, `sets.equivalent` and `sets.intersects`.
pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    let lists = || vec![LIST_TYPE, LIST_TYPE, DYN_TYPE];
    env.add_overload(
        "sets.contains",
        "list_sets_contains_list",
        lists(),
        |args| compared(&args, |one, other| contains(one, other)),
    )?;
    env.add_overload(
        "sets.equivalent",
        "list_sets_equivalent_list",
        lists(),
        |args| {
            compared(&args, |one, other| {
                contains(one, other) && contains(other, one)
            })
        },
    )?;
    env.add_overload(
        "sets.intersects",
        "list_sets_intersects_list",
        lists(),
        |args| {
            compared(&args, |one, other| {
                one.iter().any(|item| holds(other, &**item))
            })
        },
    )
}

type Elements<'v> = [Box<dyn Val + 'v>];

fn compared<'b, 'v>(
    args: &[CowVal<'b, 'v>],
    compare: fn(&Elements<'v>, &Elements<'v>) -> bool,
) -> FunctionResult<'b, 'v> {
    if let (evaluation, [one, other]) = Evaluation::split(args)?
        && let Some(first) = one.downcast_ref::<CelList<'v>>()
        && let Some(second) = other.downcast_ref::<CelList<'v>>()
    {
        // Each element of the one may be compared with each of the other, twice for `equivalent`.
        let budget = evaluation.budget();
        let pairs = budget
            .size(one.as_ref(), UNITS)?
            .saturating_mul(second.inner().len());
        let back = budget
            .size(other.as_ref(), UNITS)?
            .saturating_mul(first.inner().len());
        budget.pay(pairs.saturating_add(back))?;
        return Ok(CowVal::owned(CelBool::from(compare(
            first.inner(),
            second.inner(),
        ))));
    }
    Err(ExecutionError::no_such_overload("sets", Vec::new()))
}

fn contains(set: &Elements<'_>, subset: &Elements<'_>) -> bool {
    subset.iter().all(|item| holds(set, &**item))
}

fn holds(set: &Elements<'_>, item: &dyn Val) -> bool {
    set.iter().any(|member| member.equals(item))
}
