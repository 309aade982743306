//! One configuration of the filter in Envoy, as all threads know it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::abi::ConfigScheduler;
use crate::job::Job;
use crate::metrics::Kept;

/// The events of a configuration on the main thread.
pub(crate) const TICK: u64 = 1;
pub(crate) const JOBS: u64 = 2;

/// A configuration.
pub(crate) struct Plugin {
    /// What operators know it by, in metrics.
    pub(crate) name: String,
    /// Configurations with the same one share keys.
    pub(crate) group: String,
    /// The text.
    pub(crate) text: Vec<u8>,
    /// The numbers of its metrics, in the order of [`crate::metrics::SHAPES`].
    pub(crate) metrics: Vec<Option<usize>>,
    /// Which of them it has written.
    pub(crate) kept: Kept,
    has_ended: AtomicBool,
    /// None where Envoy only checks its configuration.
    scheduler: Mutex<Option<Arc<ConfigScheduler>>>,
    jobs: Mutex<VecDeque<Job>>,
    /// A tick is scheduled.
    is_ticking: AtomicBool,
    /// Milliseconds between ticks; 0 for none.
    period: AtomicU32,
    ticked: Mutex<Instant>,
}

impl Plugin {
    /// One that was not configured yet. Its name in Envoy is `NAME` or `NAME/GROUP`.
    pub(crate) fn new(
        name: &[u8],
        text: &[u8],
        metrics: Vec<Option<usize>>,
        scheduler: Option<ConfigScheduler>,
    ) -> Self {
        let name = String::from_utf8_lossy(name);
        let (name, group) = name.split_once('/').unwrap_or((&*name, ""));
        Self {
            name: name.to_owned(),
            group: group.to_owned(),
            text: text.to_owned(),
            metrics,
            kept: Kept::default(),
            has_ended: AtomicBool::new(false),
            scheduler: Mutex::new(scheduler.map(Arc::new)),
            jobs: Mutex::default(),
            is_ticking: AtomicBool::new(false),
            period: AtomicU32::new(0),
            ticked: Mutex::new(Instant::now()),
        }
    }

    /// Envoy does not know it any more.
    pub(crate) fn end(&self) {
        self.has_ended.store(true, Ordering::Release);
        drop(lock(&self.scheduler).take());
    }

    /// Returns true if Envoy does not know it any more.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Acquire)
    }

    /// Hands a job over to the main thread.
    pub(crate) fn add(&self, job: Job) {
        lock(&self.jobs).push_back(job);
        self.commit(JOBS);
    }

    /// Takes the oldest job.
    pub(crate) fn take_job(&self) -> Option<Job> {
        lock(&self.jobs).pop_front()
    }

    /// Has it tick in intervals of this many milliseconds.
    pub(crate) fn set_period(&self, millis: u32) {
        self.period.store(millis, Ordering::Relaxed);
    }

    /// Schedules a tick if one is due. Returns when the next one is.
    pub(crate) fn tick_if_due(&self, now: Instant) -> Option<Instant> {
        let period = self.period.load(Ordering::Relaxed);
        if period == 0 || self.has_ended() {
            return None;
        }
        let period = Duration::from_millis(period.into());
        let due = *lock(&self.ticked) + period;
        if now < due {
            return Some(due);
        }
        // Of several at once, only the first has something to do.
        if !self.is_ticking.swap(true, Ordering::AcqRel) {
            self.commit(TICK);
        }
        Some(now + period)
    }

    /// A tick begins.
    pub(crate) fn begin_tick(&self) {
        *lock(&self.ticked) = Instant::now();
        self.is_ticking.store(false, Ordering::Release);
    }

    fn commit(&self, event: u64) {
        // Not under the lock: a configuration whose last owner is this event ends within it.
        let scheduler = lock(&self.scheduler).clone();
        if let Some(scheduler) = scheduler {
            scheduler.commit(event);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
