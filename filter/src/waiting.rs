//! Requests that wait for a fact: bounded in number and in time.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use registry_auth_engine::facts::{Gathered, KeysAnswer, RequestBody};
use registry_auth_engine::keys::source::SourceId;
use registry_auth_engine::parking::{Parking, Wait};
use registry_auth_engine::question::Question;
use registry_auth_engine::time::UnixTime;

use crate::head::Head;

/// What a waiting request takes besides its texts.
const OVERHEAD: usize = 512;

/// A request that is not decided yet.
pub(crate) struct Pending {
    /// What to decide about.
    pub(crate) head: Head,
    /// The head has no body behind it.
    pub(crate) ended: bool,
    /// What was fetched for it so far.
    pub(crate) gathered: Gathered,
    /// When it came.
    pub(crate) began: UnixTime,
    /// Set when it is granted.
    pub(crate) granted: Rc<Cell<bool>>,
    /// Its caller is known.
    pub(crate) is_verified: bool,
}

/// What a request waits for.
#[derive(Clone, Debug)]
pub(crate) enum Awaits {
    /// The keys of a source: none are held.
    Keys(SourceId),
    /// A fetch that is under way: the keys that are held lack the one of the token.
    UnknownKey(SourceId),
    /// The same when no fetch may begin yet.
    NextFetch(SourceId),
    /// The root context's turn, to ask the upstream.
    Turn(Question),
    /// The answer to a callout.
    Answer(u32, Question),
    /// A tick of the host: it can be decided.
    Tick,
    /// The end of its own body.
    Body,
}

impl Awaits {
    /// How long a request may have been under way altogether when it waits for this.
    const fn patience(&self) -> Duration {
        match self {
            // The next fetch begins within 5 seconds, and has as long.
            Self::UnknownKey(_) | Self::NextFetch(_) | Self::Body => Duration::from_secs(10),
            // Page after page: registries that walk a file system for each take seconds.
            Self::Turn(Question::Catalog(_)) | Self::Answer(_, Question::Catalog(_)) => Duration::from_mins(1),
            Self::Keys(_) | Self::Turn(_) | Self::Answer(..) | Self::Tick => Duration::from_secs(5),
        }
    }

    /// The source whose keys it waits for.
    pub(crate) const fn source(&self) -> Option<SourceId> {
        match self {
            Self::Keys(source) | Self::UnknownKey(source) | Self::NextFetch(source) => Some(*source),
            Self::Turn(_) | Self::Answer(..) | Self::Tick | Self::Body => None,
        }
    }
}

impl Pending {
    /// What counts for the number of those that may wait, and how many bytes are held.
    fn takes(&self, awaits: &Awaits) -> (Wait, usize) {
        let wait = match awaits {
            Awaits::Body => Wait::Body,
            Awaits::NextFetch(_) => Wait::NextFetch,
            Awaits::Turn(_) | Awaits::Answer(..) | Awaits::Tick if self.is_verified => Wait::Verified,
            Awaits::Keys(_) | Awaits::UnknownKey(_) | Awaits::Turn(_) | Awaits::Answer(..) | Awaits::Tick => {
                Wait::Unverified
            }
        };
        let question = match awaits {
            Awaits::Turn(question) | Awaits::Answer(_, question) => question.size(),
            Awaits::Keys(_) | Awaits::UnknownKey(_) | Awaits::NextFetch(_) | Awaits::Tick | Awaits::Body => 0,
        };
        (wait, OVERHEAD + self.head.size() + self.gathered.size() + question + wait.reserved())
    }

    /// Whether it has waited long enough for this; also when a clock that jumped back would hold it longer.
    pub(crate) fn is_overdue(&self, awaits: &Awaits, now: UnixTime) -> bool {
        now < self.began || now.since(self.began) >= awaits.patience()
    }

    /// Goes on without what it waits for: that the wait is over is an answer too.
    pub(crate) fn give_up(&mut self, awaits: Awaits) {
        match awaits {
            Awaits::Keys(source) | Awaits::UnknownKey(source) | Awaits::NextFetch(source) => {
                self.gathered.keys.push((source, KeysAnswer::Unavailable));
            }
            Awaits::Turn(question) | Awaits::Answer(_, question) => question.fail(&mut self.gathered),
            Awaits::Tick => {}
            Awaits::Body => self.gathered.body = Some(RequestBody::Late),
        }
    }
}

/// The waiting requests of one worker, by context.
#[derive(Default)]
pub(crate) struct Waiting {
    parked: HashMap<u32, Parked>,
    parking: Parking,
}

struct Parked {
    pending: Pending,
    awaits: Awaits,
    takes: (Wait, usize),
}

impl Waiting {
    /// Returns true if one more may wait for this; `answers` are the bytes of answers that are sent later.
    pub(crate) fn has_room(&self, pending: &Pending, awaits: &Awaits, answers: usize) -> bool {
        let (wait, bytes) = pending.takes(awaits);
        self.parking.admits(wait, bytes, answers)
    }

    /// Returns true if so many bytes may be held for an answer that is sent later, besides those of others.
    pub(crate) const fn has_room_for_answer(&self, bytes: usize, answers: usize) -> bool {
        self.parking.admits(Wait::Unverified, bytes, answers)
    }

    /// Adds a request.
    pub(crate) fn add(&mut self, context: u32, pending: Pending, awaits: Awaits) {
        self.remove(context);
        let takes = pending.takes(&awaits);
        self.parking.enter(takes.0, takes.1);
        self.parked.insert(context, Parked { pending, awaits, takes });
    }

    /// Takes a request that waits for its body.
    pub(crate) fn take_reader(&mut self, context: u32) -> Option<Pending> {
        let reads = matches!(self.parked.get(&context), Some(Parked { awaits: Awaits::Body, .. }));
        if reads { self.remove(context).map(|parked| parked.pending) } else { None }
    }

    /// Forgets a request that is gone.
    pub(crate) fn forget(&mut self, context: u32) {
        if !self.parked.is_empty() {
            self.remove(context);
        }
    }

    /// Takes the requests that wait for something that is there now.
    pub(crate) fn take(&mut self, arrived: impl Fn(&Awaits) -> bool) -> Vec<(u32, Pending, Awaits)> {
        self.take_if(|parked| arrived(&parked.awaits))
    }

    /// Takes the requests that have waited long enough, and are not to be decided on the next tick anyway.
    pub(crate) fn take_overdue(&mut self, now: UnixTime) -> Vec<(u32, Pending, Awaits)> {
        self.take_if(|Parked { pending, awaits, .. }| {
            !matches!(awaits, Awaits::Tick) && pending.is_overdue(awaits, now)
        })
    }

    /// Takes requests that can be decided on a tick, so many at most; and whether there are more.
    pub(crate) fn take_ready(&mut self, most: usize) -> (Vec<(u32, Pending)>, bool) {
        let ready = self.parked.iter().filter(|(_, parked)| matches!(parked.awaits, Awaits::Tick));
        let mut ids: Vec<u32> = ready.map(|(id, _)| *id).take(most + 1).collect();
        let more = ids.len() > most;
        ids.truncate(most);
        let parked = |id| self.remove(id).map(|parked| (id, parked.pending));
        (ids.into_iter().filter_map(parked).collect(), more)
    }

    fn take_if(&mut self, wanted: impl Fn(&Parked) -> bool) -> Vec<(u32, Pending, Awaits)> {
        let wanted = self.parked.iter().filter(|(_, parked)| wanted(parked));
        let ids: Vec<u32> = wanted.map(|(id, _)| *id).collect();
        let parked = |id| self.remove(id).map(|parked| (id, parked.pending, parked.awaits));
        ids.into_iter().filter_map(parked).collect()
    }

    fn remove(&mut self, context: u32) -> Option<Parked> {
        let parked = self.parked.remove(&context)?;
        self.parking.leave(parked.takes.0, parked.takes.1);
        Some(parked)
    }
}
