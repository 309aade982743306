//! Requests that wait for keys: bounded in number and in time.

use std::collections::HashMap;
use std::time::Duration;

use registry_auth::authn::source::SourceId;
use registry_auth::time::UnixTime;

use crate::head::Head;

/// How many requests of one worker may wait.
const MAX_WAITING: usize = 10_000;

/// A request that waits.
pub(crate) struct Parked {
    /// What to decide about.
    pub(crate) head: Head,
    /// Sources that were asked already.
    pub(crate) settled: Vec<SourceId>,
    /// The source that is waited for.
    pub(crate) source: SourceId,
    /// When the wait ends, whatever was had.
    pub(crate) deadline: UnixTime,
}

/// The waiting requests of one worker, by context.
#[derive(Default)]
pub(crate) struct Waiting {
    parked: HashMap<u32, Parked>,
}

impl Waiting {
    /// Whether no more may wait.
    pub(crate) fn is_full(&self) -> bool {
        self.parked.len() >= MAX_WAITING
    }

    /// Whether a request waits.
    pub(crate) fn has(&self, context: u32) -> bool {
        self.parked.contains_key(&context)
    }

    /// Adds a request.
    pub(crate) fn add(&mut self, context: u32, parked: Parked) {
        self.parked.insert(context, parked);
    }

    /// Forgets a request that is gone.
    pub(crate) fn forget(&mut self, context: u32) {
        self.parked.remove(&context);
    }

    /// Takes the requests that wait for a source.
    pub(crate) fn take_for(&mut self, source: SourceId) -> Vec<(u32, Parked)> {
        self.take(|parked| parked.source == source)
    }

    /// Takes the requests whose time is over; also those that a clock that jumped back would hold for longer than `patience`.
    pub(crate) fn take_overdue(&mut self, patience: Duration, now: UnixTime) -> Vec<(u32, Parked)> {
        self.take(|parked| parked.deadline <= now || parked.deadline.since(now) > patience)
    }

    fn take(&mut self, wanted: impl Fn(&Parked) -> bool) -> Vec<(u32, Parked)> {
        let ids: Vec<u32> = self.parked.iter().filter(|(_, parked)| wanted(parked)).map(|(id, _)| *id).collect();
        ids.into_iter().filter_map(|id| Some((id, self.parked.remove(&id)?))).collect()
    }
}
