//! How other threads reach a root context of a worker: its mail, and the requests that wait there.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::abi::StreamScheduler;
use crate::response::Response;

/// The events of a request.
pub(crate) const TICK: u64 = 1;
pub(crate) const MAIL: u64 = 2;

/// The post of one root context.
pub(crate) struct Post {
    mail: Mutex<VecDeque<Response>>,
    has_mail: AtomicBool,
    reach: Mutex<Reach>,
    period: AtomicU32,
}

struct Reach {
    /// The requests that wait. An event that is scheduled by one of them holds this lock, so that none is when the request
    /// has ended, nor when its thread has.
    waiting: BTreeMap<u32, StreamScheduler>,
    /// The request by which a tick is scheduled.
    ticking: Option<u32>,
    ticked: Instant,
}

impl Post {
    pub(crate) fn new() -> Self {
        Self {
            mail: Mutex::default(),
            has_mail: AtomicBool::new(false),
            reach: Mutex::new(Reach {
                waiting: BTreeMap::new(),
                ticking: None,
                ticked: Instant::now(),
            }),
            period: AtomicU32::new(0),
        }
    }

    /// A request waits.
    pub(crate) fn enlist(&self, context: u32, scheduler: StreamScheduler) {
        lock(&self.reach).waiting.insert(context, scheduler);
    }

    /// A request does not wait any more.
    pub(crate) fn leave(&self, context: u32) {
        let mut reach = lock(&self.reach);
        let scheduler = reach.waiting.remove(&context);
        if reach.ticking == Some(context) {
            reach.ticking = None;
        }
        drop(reach);
        drop(scheduler);
    }

    /// Brings the response to a callout.
    pub(crate) fn bring(&self, response: Response) {
        lock(&self.mail).push_back(response);
        self.has_mail.store(true, Ordering::Release);
        if let Some((_, scheduler)) = lock(&self.reach).waiting.first_key_value() {
            scheduler.commit(MAIL);
        }
    }

    /// Takes all mail.
    pub(crate) fn take_mail(&self) -> VecDeque<Response> {
        if self.has_mail.swap(false, Ordering::AcqRel) {
            std::mem::take(&mut lock(&self.mail))
        } else {
            VecDeque::new()
        }
    }

    /// Has it tick in intervals of this many milliseconds, while requests wait.
    pub(crate) fn set_period(&self, millis: u32) {
        self.period.store(millis, Ordering::Relaxed);
    }

    /// Schedules a tick if one is due and a request waits. Returns when the next one is.
    pub(crate) fn tick_if_due(&self, now: Instant) -> Option<Instant> {
        let period = Duration::from_millis(self.period.load(Ordering::Relaxed).into());
        let mut reach = lock(&self.reach);
        let Reach {
            waiting,
            ticking,
            ticked,
        } = &mut *reach;
        let (context, scheduler) = waiting.first_key_value().filter(|_| !period.is_zero())?;
        let due = *ticked + period;
        if now < due {
            return Some(due);
        }
        if ticking.is_none() {
            *ticking = Some(*context);
            scheduler.commit(TICK);
        }
        Some(now + period)
    }

    /// A tick begins.
    pub(crate) fn begin_tick(&self) {
        let mut reach = lock(&self.reach);
        reach.ticked = Instant::now();
        reach.ticking = None;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
