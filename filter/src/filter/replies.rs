//! Replies as they are sent: at once, after a delay, or as soon as the host takes them.

use registry_auth_engine::reply::Reply;
use registry_auth_engine::time::UnixTime;

use super::Filter;
use crate::host;

impl Filter {
    /// Answers the request of `context`, which is the effective one; if the host does not take the
    /// reply, on the next tick.
    pub(super) fn send(&self, context: u32, reply: Reply) {
        if host::reply(&reply).is_err() {
            self.send_later(context, reply);
        }
    }

    /// Answers the request of `context` on the next tick.
    pub(super) fn send_later(&self, context: u32, reply: Reply) {
        self.parked.borrow_mut().send_later(context, reply);
    }

    /// Answers the request of another context.
    pub(super) fn send_to(&self, context: u32, reply: Reply) {
        if host::become_request(context).is_ok() {
            self.send(context, reply);
        } else {
            self.send_later(context, reply);
        }
    }

    /// Sends replies that are due. Returns true if there are more.
    pub(super) fn release_replies(&self, now: Option<UnixTime>) -> bool {
        let (due, more) = self.parked.borrow_mut().take_due(now);
        for (context, reply) in due {
            self.send_to(context, reply);
        }
        more
    }
}
