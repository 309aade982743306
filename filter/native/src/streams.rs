//! The requests of a thread that are not done when their head was handled.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::rc::Rc;

use crate::abi::Stream;
use crate::seat::{ROOT, Seat};

/// How far a request is, as Envoy sees it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// It waits: it is neither answered nor continued.
    Held,
    /// It was answered, or goes on.
    Done,
}

struct Held {
    stream: Stream,
    seat: Rc<Seat>,
    state: Cell<State>,
}

thread_local! {
    static HELD: RefCell<ManuallyDrop<BTreeMap<u32, Held>>> = const {
        RefCell::new(ManuallyDrop::new(BTreeMap::new()))
    };
    static LAST: Cell<u32> = const { Cell::new(0) };
}

/// Gives a new request a number that no other one of this thread has.
pub(crate) fn next() -> u32 {
    loop {
        let next = LAST.get().wrapping_add(1) & !ROOT;
        LAST.set(next);
        if next != 0 && !HELD.with_borrow(|held| held.contains_key(&next)) {
            return next;
        }
    }
}

/// Keeps a request, whose body comes or which waits; `goes_on` when it does not wait.
pub(crate) fn keep(context: u32, stream: Stream, seat: &Rc<Seat>, goes_on: bool) {
    let held = Held {
        stream,
        seat: Rc::clone(seat),
        state: Cell::new(if goes_on { State::Done } else { State::Held }),
    };
    HELD.with_borrow_mut(|all| all.insert(context, held));
}

/// Forgets a request, which has ended.
pub(crate) fn forget(context: u32) {
    let held = HELD.with_borrow_mut(|all| all.remove(&context));
    // It may be the last of its root context.
    drop(held);
}

/// Finds a request.
pub(crate) fn find(context: u32) -> Option<(Rc<Seat>, Stream)> {
    HELD.with_borrow(|all| {
        let held = all.get(&context)?;
        Some((Rc::clone(&held.seat), held.stream))
    })
}

/// Takes a request that waits, which is answered or continued then: each is once.
pub(crate) fn finish(context: u32) -> Option<Stream> {
    HELD.with_borrow(|all| {
        let held = all.get(&context)?;
        let is_held = held.state.replace(State::Done) == State::Held;
        is_held.then_some(held.stream)
    })
}

/// Returns the requests of a root context that wait.
pub(crate) fn waiting(seat: &Rc<Seat>) -> Vec<u32> {
    HELD.with_borrow(|all| {
        all.iter()
            .filter(|(_, held)| held.state.get() == State::Held && Rc::ptr_eq(&held.seat, seat))
            .map(|(context, _)| *context)
            .collect()
    })
}
