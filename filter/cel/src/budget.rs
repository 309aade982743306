//! What evaluations may cost. [`super::meter`] says where the tree pays, this says how much is
//! left.
//!
//! A unit is about a byte copied or compared. Each call of a function and each element of a list
//! costs [`STEP`] on top, each turn of a loop also [`NODE`] for each node of its body.

use std::sync::atomic::{AtomicUsize, Ordering};

use cel_interpreter::ExecutionError;
use cel_interpreter::common::value::{BuiltinRef, Val};

/// Units of a condition, or of all expressions of a claim mapping. Claims have at most 48 KiB, so
/// that all of them can be read some twenty times.
pub(super) const UNITS: usize = 2 << 20;
/// A value of its own on the heap.
pub(super) const STEP: usize = 16;
/// A node of a loop's body.
pub(super) const NODE: usize = 12;
/// Deepest value, so that no walk over it overflows the stack; a parser of JSON for documents must
/// allow less.
const MAX_DEPTH: usize = 128;

/// The units that are left. Values have to be `Sync` for the crate, so it is an atomic; one thread
/// at a time uses it.
#[derive(Debug)]
pub(super) struct Budget(AtomicUsize);

impl Default for Budget {
    fn default() -> Self {
        Self(AtomicUsize::new(UNITS))
    }
}

impl Budget {
    /// Sets what is left to `units`.
    pub(super) fn refill(&self, units: usize) {
        self.0.store(units, Ordering::Relaxed);
    }

    /// Units that are left.
    pub(super) fn left(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns true if the units ran out; the result of the evaluation is then invalid, as `||` may
    /// have covered the error.
    pub(super) fn is_spent(&self) -> bool {
        self.left() == 0
    }

    /// Takes `units`; when there are too few, all are gone and each later payment fails too.
    pub(super) fn pay(&self, units: usize) -> Result<(), ExecutionError> {
        let left = self.left().saturating_sub(units);
        self.refill(left);
        if left == 0 {
            Err(ExecutionError::function_error("budget", "too costly"))
        } else {
            Ok(())
        }
    }

    /// Pays for one reading or copy of `value`.
    pub(super) fn pay_for(&self, value: &dyn Val) -> Result<(), ExecutionError> {
        self.pay(self.size(value, self.left())?)
    }

    /// The units of a value; stops when they are more than `most`.
    pub(super) fn size(&self, value: &dyn Val, most: usize) -> Result<usize, ExecutionError> {
        let mut size = 0;
        // Most values are texts, for which nothing is allocated here.
        let mut first = Some((value, 0_usize));
        let mut open = Vec::new();
        while let Some((value, depth)) = first.take().or_else(|| open.pop()) {
            size += STEP;
            match value.as_builtin() {
                BuiltinRef::String(text) => size += text.inner().len(),
                BuiltinRef::Bytes(bytes) => size += bytes.inner().len(),
                BuiltinRef::List(list) => {
                    open.extend(list.inner().iter().map(|item| (&**item, depth + 1)));
                }
                BuiltinRef::Map(map) => {
                    for (key, value) in map.inner() {
                        open.push((key.inner(), depth + 1));
                        open.push((&**value, depth + 1));
                    }
                }
                BuiltinRef::Optional(optional) => {
                    open.extend(optional.option().map(|value| (value, depth + 1)));
                }
                _ => {}
            }
            if size > most || depth > MAX_DEPTH {
                self.refill(0);
                return self.pay(1).map(|()| size);
            }
        }
        Ok(size)
    }
}
