//! The effective context of a thread: what the filter's host calls apply to.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::rc::Rc;

use crate::abi::Stream;
use crate::seat::{self, Seat};
use crate::streams;

/// A root context, and a request of it if one is effective.
#[derive(Clone, Default)]
struct Effective {
    seat: Option<Rc<Seat>>,
    request: Option<(u32, Stream)>,
}

thread_local! {
    /// Not dropped with the thread, since that would need others that are gone.
    static EFFECTIVE: RefCell<ManuallyDrop<Effective>> = const {
        RefCell::new(ManuallyDrop::new(Effective { seat: None, request: None }))
    };
}

fn replace(effective: Effective) -> Effective {
    EFFECTIVE.with_borrow_mut(|held| std::mem::replace(&mut **held, effective))
}

/// What was effective before, until it is dropped.
struct Before(Effective);

impl Drop for Before {
    fn drop(&mut self) {
        replace(std::mem::take(&mut self.0));
    }
}

/// Does something for a root context, or for a request of it.
pub(crate) fn within<T>(
    seat: &Rc<Seat>,
    request: Option<(u32, Stream)>,
    work: impl FnOnce() -> T,
) -> T {
    let seat = Some(Rc::clone(seat));
    let _before = Before(replace(Effective { seat, request }));
    work()
}

/// Makes another root context or request of this thread the effective one. Returns false if there is none.
pub(crate) fn become_context(context: u32) -> bool {
    let found = if let Some(seat) = seat::of_number(context) {
        Effective {
            seat: Some(seat),
            request: None,
        }
    } else if let Some((seat, stream)) = streams::find(context) {
        Effective {
            seat: Some(seat),
            request: Some((context, stream)),
        }
    } else {
        return false;
    };
    drop(replace(found));
    true
}

/// The effective root context.
pub(crate) fn seat() -> Option<Rc<Seat>> {
    EFFECTIVE.with_borrow(|held| held.seat.clone())
}

/// The effective request.
pub(crate) fn request() -> Option<(u32, Stream)> {
    EFFECTIVE.with_borrow(|held| held.request)
}
