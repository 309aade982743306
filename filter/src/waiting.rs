//! Requests that wait for a fact: bounded in number and in time.

use std::cell::Cell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use registry_auth::authn::source::SourceId;
use registry_auth::facts::{Gathered, RequestBody};
use registry_auth::time::UnixTime;

use crate::head::Head;
use crate::upstream::Question;

/// How many requests of one worker may wait.
const MAX_WAITING: usize = 10_000;

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
}

/// What a request waits for.
#[derive(Clone, Debug)]
pub(crate) enum Awaits {
    /// The keys of a source.
    Keys(SourceId),
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
            Self::Keys(_) | Self::Turn(Question::Tag(_)) | Self::Answer(_, Question::Tag(_)) | Self::Tick => {
                Duration::from_secs(5)
            }
            Self::Body => Duration::from_secs(10),
            // Page after page: registries that walk a file system for each take seconds.
            Self::Turn(Question::Catalog(_)) | Self::Answer(_, Question::Catalog(_)) => Duration::from_mins(1),
        }
    }
}

impl Pending {
    /// Whether it has waited long enough for this; also when a clock that jumped back would hold it longer.
    pub(crate) fn is_overdue(&self, awaits: &Awaits, now: UnixTime) -> bool {
        now < self.began || now.since(self.began) >= awaits.patience()
    }

    /// Goes on without what it waits for: that the wait is over is an answer too.
    pub(crate) fn give_up(&mut self, awaits: Awaits) {
        match awaits {
            Awaits::Keys(source) => self.gathered.settled.push(source),
            Awaits::Turn(question) | Awaits::Answer(_, question) => question.fail(&mut self.gathered),
            Awaits::Tick => {}
            Awaits::Body => self.gathered.body = Some(RequestBody::Late),
        }
    }
}

/// The waiting requests of one worker, by context.
#[derive(Default)]
pub(crate) struct Waiting {
    parked: HashMap<u32, (Pending, Awaits)>,
}

impl Waiting {
    /// Whether no more may wait.
    pub(crate) fn is_full(&self) -> bool {
        self.parked.len() >= MAX_WAITING
    }

    /// Adds a request.
    pub(crate) fn add(&mut self, context: u32, pending: Pending, awaits: Awaits) {
        self.parked.insert(context, (pending, awaits));
    }

    /// Takes a request that waits for its body.
    pub(crate) fn take_reader(&mut self, context: u32) -> Option<Pending> {
        let reads = matches!(self.parked.get(&context), Some((_, Awaits::Body)));
        if reads { self.parked.remove(&context).map(|(pending, _)| pending) } else { None }
    }

    /// Forgets a request that is gone.
    pub(crate) fn forget(&mut self, context: u32) {
        if !self.parked.is_empty() {
            self.parked.remove(&context);
        }
    }

    /// Takes the requests that wait for something that is there now.
    pub(crate) fn take(&mut self, arrived: impl Fn(&Awaits) -> bool) -> Vec<(u32, Pending, Awaits)> {
        self.take_if(|_, awaits| arrived(awaits))
    }

    /// Takes the requests that have waited long enough, and are not to be decided on the next tick anyway.
    pub(crate) fn take_overdue(&mut self, now: UnixTime) -> Vec<(u32, Pending, Awaits)> {
        self.take_if(|pending, awaits| !matches!(awaits, Awaits::Tick) && pending.is_overdue(awaits, now))
    }

    /// Takes requests that can be decided on a tick, so many at most; and whether there are more.
    pub(crate) fn take_ready(&mut self, most: usize) -> (Vec<(u32, Pending)>, bool) {
        let ready = self.parked.iter().filter(|(_, (_, awaits))| matches!(awaits, Awaits::Tick));
        let mut ids: Vec<u32> = ready.map(|(id, _)| *id).take(most + 1).collect();
        let more = ids.len() > most;
        ids.truncate(most);
        let parked = |id| self.parked.remove(&id).map(|(pending, _)| (id, pending));
        (ids.into_iter().filter_map(parked).collect(), more)
    }

    fn take_if(&mut self, wanted: impl Fn(&Pending, &Awaits) -> bool) -> Vec<(u32, Pending, Awaits)> {
        let wanted = self.parked.iter().filter(|(_, (pending, awaits))| wanted(pending, awaits));
        let ids: Vec<u32> = wanted.map(|(id, _)| *id).collect();
        let parked = |id| self.parked.remove(&id).map(|(pending, awaits)| (id, pending, awaits));
        ids.into_iter().filter_map(parked).collect()
    }
}
