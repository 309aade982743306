//! The requests of one worker that are not done when a callback ends: bounded in number, bytes and
//! time.

use std::collections::HashMap;
use std::time::Duration;

use registry_auth_engine::parking::{Parking, Wait};
use registry_auth_engine::reply::Reply;
use registry_auth_engine::time::UnixTime;

use crate::pending::{Awaits, Pending};

/// How many requests one callback answers or lets go on, of each kind. Envoy ends requests after
/// the callback, each within the end of the one before, and some hundreds are more than its stack
/// holds.
pub(crate) const BATCH: usize = 32;

/// How many replies one worker may delay; the next is sent at once.
const MAX_DELAYED: usize = 1_000;

/// Parked requests, by context.
pub(crate) struct Parked {
    requests: HashMap<u32, State>,
    /// What the waiting ones take.
    room: Parking,
    delayed: DelayedReplies,
}

/// How far a parked request is.
enum State {
    /// It waits for a fact.
    Waiting(Box<Waiting>),
    /// It is answered, and the reply is sent later.
    Delayed(DelayedReply),
    /// It may go on.
    Granted(Granted),
}

struct Waiting {
    pending: Pending,
    awaits: Awaits,
    takes: (Wait, usize),
}

struct DelayedReply {
    reply: Reply,
    /// Bytes that are held for it, here and at the host.
    bytes: usize,
    /// When it was made; `None` if it is sent as soon as the host takes it.
    since: Option<UnixTime>,
}

#[derive(Clone, Copy)]
struct Granted {
    /// The host was asked to continue the request.
    is_resumed: bool,
    has_body: bool,
}

/// The replies that are sent later, together.
struct DelayedReplies {
    /// How long refusals are delayed (`failDelay`).
    delay: Duration,
    count: usize,
    bytes: usize,
}

/// What the next part of a body means to its request.
pub(crate) enum Body {
    /// The request is granted: the body goes on.
    Granted,
    /// The request waits for the body, of which enough has come.
    Read(Box<Pending>),
    /// The body is held.
    Held,
}

impl Parked {
    /// Refusals are delayed by `delay`; zero for not at all.
    pub(crate) fn new(delay: Duration) -> Self {
        let delayed = DelayedReplies {
            delay,
            count: 0,
            bytes: 0,
        };
        Self {
            requests: HashMap::new(),
            room: Parking::default(),
            delayed,
        }
    }

    /// Returns true if a request is parked.
    pub(crate) fn contains(&self, context: u32) -> bool {
        !self.requests.is_empty() && self.requests.contains_key(&context)
    }

    /// Returns true if nothing is parked.
    pub(crate) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Returns the contexts of all parked requests.
    pub(crate) fn contexts(&self) -> Vec<u32> {
        self.requests.keys().copied().collect()
    }

    /// Forgets a request that is gone.
    pub(crate) fn forget(&mut self, context: u32) {
        if !self.requests.is_empty() {
            self.remove(context);
        }
    }

    /// Returns true if one more may wait for this.
    pub(crate) fn has_room(&self, pending: &Pending, awaits: &Awaits) -> bool {
        let (wait, bytes) = pending.takes(awaits);
        self.room.admits(wait, bytes, self.delayed.bytes)
    }

    /// Parks a request until a fact arrives.
    pub(crate) fn wait(&mut self, context: u32, pending: Pending, awaits: Awaits) {
        let takes = pending.takes(&awaits);
        self.insert(
            context,
            State::Waiting(Box::new(Waiting {
                pending,
                awaits,
                takes,
            })),
        );
    }

    /// Takes the requests that wait for something that is there now.
    pub(crate) fn take(
        &mut self,
        arrived: impl Fn(&Awaits) -> bool,
    ) -> Vec<(u32, Pending, Awaits)> {
        self.take_waiting(|waiting| arrived(&waiting.awaits), usize::MAX)
    }

    /// Takes the requests that have waited long enough, and are not decided on the next tick
    /// anyway.
    pub(crate) fn take_overdue(&mut self, now: UnixTime) -> Vec<(u32, Pending, Awaits)> {
        let is_overdue = |Waiting {
                              pending, awaits, ..
                          }: &Waiting| {
            !matches!(awaits, Awaits::Tick) && pending.is_overdue(awaits, now)
        };
        self.take_waiting(is_overdue, usize::MAX)
    }

    /// Takes up to [`BATCH`] requests that can be decided on a tick. The flag is true if there are
    /// more.
    pub(crate) fn take_ready(&mut self) -> (Vec<(u32, Pending, Awaits)>, bool) {
        let is_ready = |state: &State| matches!(state, State::Waiting(waiting) if matches!(waiting.awaits, Awaits::Tick));
        let more = self
            .requests
            .values()
            .filter(|state| is_ready(state))
            .nth(BATCH)
            .is_some();
        (
            self.take_waiting(|waiting| matches!(waiting.awaits, Awaits::Tick), BATCH),
            more,
        )
    }

    /// Returns true if one more reply may be delayed.
    pub(crate) const fn delays(&self) -> bool {
        !self.delayed.delay.is_zero() && self.delayed.count < MAX_DELAYED
    }

    /// Returns true if `bytes` more may be held for a delayed reply.
    pub(crate) const fn has_room_for_reply(&self, bytes: usize) -> bool {
        self.room
            .admits(Wait::Unverified, bytes, self.delayed.bytes)
    }

    /// Delays a refusal, for which `bytes` are held.
    pub(crate) fn delay(&mut self, context: u32, reply: Reply, bytes: usize, now: UnixTime) {
        self.insert(
            context,
            State::Delayed(DelayedReply {
                reply,
                bytes,
                since: Some(now),
            }),
        );
    }

    /// Keeps a reply until the next tick.
    pub(crate) fn send_later(&mut self, context: u32, reply: Reply) {
        let bytes = reply.size();
        self.insert(
            context,
            State::Delayed(DelayedReply {
                reply,
                bytes,
                since: None,
            }),
        );
    }

    /// Takes up to [`BATCH`] replies that are due, all of them being due without a clock. The flag
    /// is true if there are more.
    pub(crate) fn take_due(&mut self, now: Option<UnixTime>) -> (Vec<(u32, Reply)>, bool) {
        if self.delayed.count == 0 {
            return (Vec::new(), false);
        }
        let delay = self.delayed.delay;
        let is_due = |reply: &DelayedReply| match (reply.since, now) {
            // Also what a clock that jumped back would delay longer.
            (Some(since), Some(now)) => now < since || now.since(since) >= delay,
            _ => true,
        };
        let (contexts, more) =
            self.some(|state| matches!(state, State::Delayed(reply) if is_due(reply)));
        let reply = |context| match self.remove(context) {
            Some(State::Delayed(DelayedReply { reply, .. })) => Some((context, reply)),
            _ => None,
        };
        (contexts.into_iter().filter_map(reply).collect(), more)
    }

    /// A granted request whose body has not ended goes on.
    pub(crate) fn grant(&mut self, context: u32) {
        self.insert(
            context,
            State::Granted(Granted {
                is_resumed: true,
                has_body: true,
            }),
        );
    }

    /// A granted request could not be resumed: that is tried again on the next tick.
    pub(crate) fn resume_later(&mut self, context: u32, has_body: bool) {
        self.insert(
            context,
            State::Granted(Granted {
                is_resumed: false,
                has_body,
            }),
        );
    }

    /// Takes up to [`BATCH`] granted requests that could not be resumed, each with true if it has a
    /// body. The flag is true if there are more.
    pub(crate) fn take_unresumed(&mut self) -> (Vec<(u32, bool)>, bool) {
        let (contexts, more) =
            self.some(|state| matches!(state, State::Granted(granted) if !granted.is_resumed));
        let granted = |context| match self.remove(context) {
            Some(State::Granted(granted)) => Some((context, granted.has_body)),
            _ => None,
        };
        (contexts.into_iter().filter_map(granted).collect(), more)
    }

    /// Part of a body came: `size` bytes are there, or as many as before if absent. It is read when
    /// it has ended, or has more than `max` bytes.
    pub(crate) fn body(
        &mut self,
        context: u32,
        size: Option<usize>,
        ended: bool,
        max: usize,
    ) -> Body {
        match self.requests.get_mut(&context) {
            Some(State::Granted(granted)) => {
                if ended && granted.is_resumed {
                    self.remove(context);
                }
                return Body::Granted;
            }
            Some(State::Waiting(waiting)) if matches!(waiting.awaits, Awaits::Body) => {
                let size = size.or(waiting.pending.body).unwrap_or_default();
                waiting.pending.body = Some(size);
                if !ended && size <= max {
                    return Body::Held;
                }
            }
            Some(State::Waiting(_) | State::Delayed(_)) | None => return Body::Held,
        }
        match self.remove(context) {
            Some(State::Waiting(waiting)) => Body::Read(Box::new(waiting.pending)),
            _ => Body::Held,
        }
    }

    fn take_waiting(
        &mut self,
        wanted: impl Fn(&Waiting) -> bool,
        most: usize,
    ) -> Vec<(u32, Pending, Awaits)> {
        let is_wanted = |state: &State| matches!(state, State::Waiting(waiting) if wanted(waiting));
        let wanted = self.requests.iter().filter(|(_, state)| is_wanted(state));
        let contexts: Vec<u32> = wanted.map(|(context, _)| *context).take(most).collect();
        let waiting = |context| match self.remove(context) {
            Some(State::Waiting(waiting)) => Some((context, waiting.pending, waiting.awaits)),
            _ => None,
        };
        contexts.into_iter().filter_map(waiting).collect()
    }

    /// Returns up to [`BATCH`] contexts, and true if there are more.
    fn some(&self, wanted: impl Fn(&State) -> bool) -> (Vec<u32>, bool) {
        let wanted = self.requests.iter().filter(|(_, state)| wanted(state));
        let mut contexts: Vec<u32> = wanted
            .map(|(context, _)| *context)
            .take(BATCH + 1)
            .collect();
        let more = contexts.len() > BATCH;
        contexts.truncate(BATCH);
        (contexts, more)
    }

    fn insert(&mut self, context: u32, state: State) {
        self.remove(context);
        match &state {
            State::Waiting(waiting) => self.room.enter(waiting.takes.0, waiting.takes.1),
            State::Delayed(reply) => self.delayed.enter(reply.bytes),
            State::Granted(_) => {}
        }
        self.requests.insert(context, state);
    }

    fn remove(&mut self, context: u32) -> Option<State> {
        let state = self.requests.remove(&context)?;
        match &state {
            State::Waiting(waiting) => self.room.leave(waiting.takes.0, waiting.takes.1),
            State::Delayed(reply) => self.delayed.leave(reply.bytes),
            State::Granted(_) => {}
        }
        Some(state)
    }
}

impl DelayedReplies {
    const fn enter(&mut self, bytes: usize) {
        self.count = self.count.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }

    const fn leave(&mut self, bytes: usize) {
        self.count = self.count.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}
