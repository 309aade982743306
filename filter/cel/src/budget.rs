//! What evaluations may cost. [`super::meter`] says where the tree pays, this says how much is left.
//!
//! A unit is about a byte copied or compared. Each call of a function and each element of a list costs [`STEP`] on top, each turn of
//! a loop also [`NODE`] for each node of its body.

use std::cell::Cell;

use cel_interpreter::ExecutionError;
use cel_interpreter::common::value::{BuiltinRef, Val};

/// Units of a condition, or of all expressions of a claim mapping. Claims have at most 48 KiB, so that all of them can be read some twenty times.
pub(super) const UNITS: usize = 2 << 20;
/// A value of its own on the heap.
pub(super) const STEP: usize = 16;
/// A node of a loop's body.
pub(super) const NODE: usize = 12;
/// Deepest value, so that no walk over it can run out of stack; whoever parses JSON for a document must allow less.
const MAX_DEPTH: usize = 128;

thread_local! {
    static LEFT: Cell<usize> = const { Cell::new(UNITS) };
}

/// Begins an evaluation that may use `units`.
pub(super) fn refill(units: usize) {
    LEFT.set(units);
}

/// Units that are left.
pub(super) fn left() -> usize {
    LEFT.get()
}

/// Whether the evaluation ran out of units; its result is then worth nothing, as `||` may have covered the error.
pub(super) fn is_spent() -> bool {
    LEFT.get() == 0
}

/// Takes `units`; when there are too few, all are gone and each later payment fails too.
pub(super) fn pay(units: usize) -> Result<(), ExecutionError> {
    let left = LEFT.get().saturating_sub(units);
    LEFT.set(left);
    if left == 0 { Err(ExecutionError::function_error("budget", "too costly")) } else { Ok(()) }
}

/// Pays for one reading or copy of `value`.
pub(super) fn pay_for(value: &dyn Val) -> Result<(), ExecutionError> {
    pay(size(value, LEFT.get())?)
}

/// The units of a value; stops when they are more than `most`.
pub(super) fn size(value: &dyn Val, most: usize) -> Result<usize, ExecutionError> {
    let mut size = 0;
    let mut open = vec![(value, 0_usize)];
    while let Some((value, depth)) = open.pop() {
        size += STEP;
        match value.as_builtin() {
            BuiltinRef::String(text) => size += text.inner().len(),
            BuiltinRef::Bytes(bytes) => size += bytes.inner().len(),
            BuiltinRef::List(list) => open.extend(list.inner().iter().map(|item| (&**item, depth + 1))),
            BuiltinRef::Map(map) => {
                for (key, value) in map.inner() {
                    open.push((key.inner(), depth + 1));
                    open.push((&**value, depth + 1));
                }
            }
            BuiltinRef::Optional(optional) => open.extend(optional.option().map(|value| (value, depth + 1))),
            _ => {}
        }
        if size > most || depth > MAX_DEPTH {
            LEFT.set(0);
            return pay(1).map(|()| size);
        }
    }
    Ok(size)
}
