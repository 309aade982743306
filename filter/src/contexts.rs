//! Which root context a new request belongs to, from its creation to its head.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

/// How many requests may be created and have no head yet. Envoy hands the head over right after the
/// creation; requests that it refuses itself, and only logs, have none.
const MAX_HEADLESS: usize = 10_000;

/// A request without its head.
#[derive(Clone, Copy)]
struct Created {
    context: u32,
    root: u32,
}

thread_local! {
    static LAST: Cell<Option<Created>> = const { Cell::new(None) };
    static EARLIER: RefCell<Option<HashMap<u32, u32>>> = const { RefCell::new(None) };
}

/// A request was created under a root context. One too many is forgotten, and so refused when its
/// head comes.
pub(crate) fn add(context: u32, root: u32) {
    let Some(last) = LAST.replace(Some(Created { context, root })) else {
        return;
    };
    EARLIER.with_borrow_mut(|earlier| {
        let earlier = earlier.get_or_insert_default();
        if earlier.len() < MAX_HEADLESS {
            earlier.insert(last.context, last.root);
        }
    });
}

/// Takes the root context of a request whose head has come.
pub(crate) fn take(context: u32) -> Option<u32> {
    match LAST.get() {
        Some(last) if last.context == context => {
            LAST.set(None);
            Some(last.root)
        }
        _ => EARLIER.with_borrow_mut(|earlier| earlier.as_mut()?.remove(&context)),
    }
}

/// Forgets requests that are gone.
pub(crate) fn sweep(is_gone: impl Fn(u32) -> bool) {
    let contexts: Vec<u32> =
        EARLIER.with_borrow(|earlier| earlier.iter().flatten().map(|(id, _)| *id).collect());
    for context in contexts.into_iter().filter(|context| is_gone(*context)) {
        EARLIER.with_borrow_mut(|earlier| earlier.as_mut()?.remove(&context));
    }
}
