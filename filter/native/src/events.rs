//! The events of a root context: its configuration, ticks and responses.

use std::rc::Rc;
use std::time::Instant;

use registry_auth_filter::embed;

use crate::actions::{self, Action};
use crate::guard::guard;
use crate::response::Response;
use crate::seat::{Seat, TICK};
use crate::{callouts, context, streams};

/// Takes the configuration. Returns false if it is refused: then every request is.
pub(crate) fn configure(seat: &Rc<Seat>) -> bool {
    context::within(seat, None, || seat.root.configure())
}

/// A tick.
pub(crate) fn tick(seat: &Rc<Seat>) {
    seat.ticked.set(Some(Instant::now()));
    event(seat, || seat.root.tick());
}

/// The response to a callout.
pub(crate) fn deliver(seat: &Rc<Seat>, response: Response) {
    let (call, size) = (response.call, response.body.len());
    event(seat, || {
        callouts::showing(response, || seat.root.response(call, size));
    });
}

/// Handles an event of the root context. If it panics, what it may have lost is answered.
fn event(seat: &Rc<Seat>, work: impl FnOnce()) {
    let is_done = guard(false, || {
        context::within(seat, None, work);
        seat.root.flush();
        true
    });
    if !is_done {
        let held = |context: &u32| guard(false, || embed::holds(*context));
        for context in streams::waiting(seat)
            .into_iter()
            .filter(|context| !held(context))
        {
            actions::withdraw(context);
            actions::add(context, Action::broken());
        }
    }
}

/// Does what other threads want done, and what is due.
pub(crate) fn catch_up(seat: &Rc<Seat>) {
    let Some(post) = &seat.post else { return };
    for response in post.take_mail() {
        deliver(seat, response);
    }
    if seat
        .ticked
        .get()
        .is_none_or(|ticked| ticked.elapsed() >= TICK)
    {
        post.begin_tick();
        tick(seat);
    }
}
