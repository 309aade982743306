//! Answers that are sent later: refusals that are held back for `failDelay`, so that guessing takes time, and answers that the
//! host did not take. Bounded in number, and no worker waits for them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use registry_auth::reply::Reply;
use registry_auth::time::UnixTime;

use crate::host;

/// How many answers one worker may hold back; the next is sent at once.
const MAX_HELD: usize = 1_000;

/// How many requests one callback answers or lets go on, of each kind. Envoy ends requests after the callback, each within the end
/// of the one before, and some hundreds are more than its stack holds.
pub(crate) const BATCH: usize = 32;

/// The answers of one worker that are not sent yet, by context.
#[derive(Default)]
pub(crate) struct Held {
    delay: Duration,
    replies: RefCell<HashMap<u32, Later>>,
    bytes: Cell<usize>,
}

struct Later {
    reply: Reply,
    /// What is held for it, here and at the host.
    bytes: usize,
    /// When it was made; `None` if it is to be sent as soon as the host takes it.
    since: Option<UnixTime>,
}

impl Held {
    /// Holds answers back for `delay`; none if that is zero.
    pub(crate) fn new(delay: Duration) -> Self {
        Self { delay, ..Self::default() }
    }

    /// Whether one more answer can be held back.
    pub(crate) fn takes(&self) -> bool {
        !self.delay.is_zero() && self.replies.borrow().len() < MAX_HELD
    }

    /// How many bytes are held for all answers.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes.get()
    }

    /// Holds an answer back, for which `bytes` are held.
    pub(crate) fn hold(&self, context: u32, reply: Reply, bytes: usize, now: UnixTime) {
        self.keep(context, Later { reply, bytes, since: Some(now) });
    }

    fn keep(&self, context: u32, later: Later) {
        self.forget(context);
        self.bytes.set(self.bytes.get().saturating_add(later.bytes));
        self.replies.borrow_mut().insert(context, later);
    }

    fn take(&self, context: u32) -> Option<Later> {
        let later = self.replies.borrow_mut().remove(&context)?;
        self.bytes.set(self.bytes.get().saturating_sub(later.bytes));
        Some(later)
    }

    /// Answers the request of `context`, which is the effective one; if the host does not take the answer, on the next tick.
    pub(crate) fn send(&self, context: u32, reply: Reply) {
        if host::reply(&reply).is_err() {
            self.send_later(context, reply);
        }
    }

    /// Answers the request of `context` on the next tick.
    pub(crate) fn send_later(&self, context: u32, reply: Reply) {
        let bytes = reply.size();
        self.keep(context, Later { reply, bytes, since: None });
    }

    /// Answers the request of another context.
    pub(crate) fn send_to(&self, context: u32, reply: Reply) {
        if host::become_context(context).is_ok() {
            self.send(context, reply);
        } else {
            self.send_later(context, reply);
        }
    }

    /// Forgets the answer to a client that is gone.
    pub(crate) fn forget(&self, context: u32) {
        if !self.replies.borrow().is_empty() {
            self.take(context);
        }
    }

    /// Sends what was held long enough, everything if there is no clock to tell; [`BATCH`] at most. Whether there are more.
    pub(crate) fn release(&self, now: Option<UnixTime>) -> bool {
        let mut due = self.due(now);
        let more = due.len() > BATCH;
        due.truncate(BATCH);
        for context in due {
            if let Some(Later { reply, .. }) = self.take(context) {
                self.send_to(context, reply);
            }
        }
        more
    }

    /// Also what a clock that jumped back would hold longer.
    fn due(&self, now: Option<UnixTime>) -> Vec<u32> {
        let due = |later: &Later| match (later.since, now) {
            (Some(since), Some(now)) => now < since || now.since(since) >= self.delay,
            _ => true,
        };
        let replies = self.replies.borrow();
        replies.iter().filter(|(_, later)| due(later)).map(|(context, _)| *context).collect()
    }
}
