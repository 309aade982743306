//! Refusals that are held back for `failDelay`, so that guessing takes time: bounded in number, and no worker waits for them.

use std::collections::HashMap;
use std::time::Duration;

use registry_auth::reply::Reply;
use registry_auth::time::UnixTime;

/// How many answers one worker may hold; the next is sent at once.
const MAX_HELD: usize = 1_000;

/// The held answers of one worker, by context.
pub(crate) struct Held {
    delay: Duration,
    replies: HashMap<u32, (Reply, UnixTime)>,
}

impl Held {
    /// Holds answers for `delay`; none if that is zero.
    pub(crate) fn new(delay: Duration) -> Self {
        Self { delay, replies: HashMap::new() }
    }

    /// Whether one more answer can be held.
    pub(crate) fn takes(&self) -> bool {
        !self.delay.is_zero() && self.replies.len() < MAX_HELD
    }

    /// Holds an answer.
    pub(crate) fn hold(&mut self, context: u32, reply: Reply, now: UnixTime) {
        self.replies.insert(context, (reply, now));
    }

    /// Forgets the answer to a client that is gone.
    pub(crate) fn forget(&mut self, context: u32) {
        if !self.replies.is_empty() {
            self.replies.remove(&context);
        }
    }

    /// Takes the answers that were held long enough; also those that a clock that jumped back would hold longer.
    pub(crate) fn take_due(&mut self, now: UnixTime) -> Vec<(u32, Reply)> {
        let due = |since: UnixTime| now < since || now.since(since) >= self.delay;
        let ids: Vec<u32> = self.replies.iter().filter(|(_, (_, since))| due(*since)).map(|(id, _)| *id).collect();
        ids.into_iter().filter_map(|id| self.replies.remove(&id).map(|(reply, _)| (id, reply))).collect()
    }
}
