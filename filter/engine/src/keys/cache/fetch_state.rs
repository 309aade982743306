//! Who fetches the keys of one source, and when the next fetch may begin. Workers that share it
//! fetch once for all.

use std::time::Duration;

use serde_json::{Value, json};

use super::with_jitter;
use crate::time::UnixTime;

/// At most one fetch in this time because of unknown key ids.
const UNKNOWN_KEY_LIMIT: Duration = Duration::from_secs(5);
/// How long a request waits for the next fetch to begin. Not shorter than the limit: a fetch that
/// began before the request came must not make it give up.
pub const NEXT_FETCH: Duration = UNKNOWN_KEY_LIMIT;
/// The first wait after a failure; doubled for each further one.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const MAX_RETRY: Duration = Duration::from_mins(1);
/// A lease that seems to last longer is one from before a jump of the clock, and is treated as
/// expired.
const MAX_LEASE: Duration = Duration::from_secs(5);
/// A worker's time is that of the beginning of its callback. What another did meanwhile may be so
/// much later, and no jump of the clock.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(1);

/// One that may fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetcher {
    /// Identifies the worker; any number that no other has.
    pub id: u64,
    /// How long its lease lasts unless it is renewed; at most 5 seconds.
    pub lease: Duration,
}

/// Why keys are fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// None are held.
    Missing,
    /// None has the key id of a token.
    UnknownKey,
    /// They will be missed soon.
    Refresh,
}

/// The result of asking for a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// It may begin once this state is written.
    Begin(FetchState),
    /// Somebody fetches already.
    Join,
    /// Not yet: too soon after the last one.
    No,
}

/// How far the last fetch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Somebody fetches.
    UnderWay,
    /// The lease has expired without a result.
    RunOut,
    /// It succeeded or failed, or there was none.
    Ended,
}

/// The fetches of one source so far. A value: each method gives the state that comes after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FetchState {
    /// Grows with every change.
    step: u64,
    lease: Option<Lease>,
    last_attempt: Option<UnixTime>,
    last_success: Option<UnixTime>,
    retry_at: Option<UnixTime>,
    failures: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lease {
    owner: u64,
    until: UnixTime,
}

impl FetchState {
    /// Asks for a fetch by `me`. [`Start::Begin`] holds a lease for it.
    #[must_use]
    pub fn begin(&self, cause: Cause, me: &Fetcher, now: UnixTime) -> Start {
        let now = self.caught_up(now);
        if self.phase(now) == Phase::UnderWay {
            return Start::Join;
        }
        if self.backs_off(now) || (cause == Cause::UnknownKey && self.was_tried_just_now(now)) {
            return Start::No;
        }
        Start::Begin(Self {
            lease: Some(Lease::of(me, now)),
            last_attempt: Some(now),
            ..self.next()
        })
    }

    /// Returns true if a fetch may begin at `time` at the latest, or is under way, going by what is
    /// known now.
    #[must_use]
    pub fn may_begin_by(&self, cause: Cause, time: UnixTime) -> bool {
        !self.backs_off(time) && (cause != Cause::UnknownKey || !self.was_tried_just_now(time))
    }

    /// Extends the lease of `me`; `None` if it does not hold one any more.
    #[must_use]
    pub fn renewed(&self, me: &Fetcher, now: UnixTime) -> Option<Self> {
        self.lease.filter(|lease| lease.owner == me.id)?;
        Some(Self {
            lease: Some(Lease::of(me, now)),
            ..self.next()
        })
    }

    /// `me` has keys. The lease of another worker stays.
    #[must_use]
    pub fn succeeded(&self, me: &Fetcher, now: UnixTime) -> Self {
        Self {
            lease: self.lease_of_others(me),
            last_success: Some(now),
            retry_at: None,
            failures: 0,
            ..self.next()
        }
    }

    /// The fetch of `me` failed. The next one waits: 1 s, doubling up to 60 s, at most a fifth less
    /// by `jitter`. What somebody else has under way is not changed.
    #[must_use]
    pub fn failed(&self, me: &Fetcher, jitter: u32, now: UnixTime) -> Self {
        if self.lease_of_others(me).is_some() {
            return *self;
        }
        let wait = FIRST_RETRY
            .saturating_mul(2_u32.saturating_pow(self.failures.min(16)))
            .min(MAX_RETRY);
        let retry_at = Some(now.after(with_jitter(wait, jitter)));
        Self {
            lease: None,
            retry_at,
            failures: self.failures.saturating_add(1),
            ..self.next()
        }
    }

    /// The time of one that knows of this state: not before what it tells of, unless the clock
    /// jumped back since.
    #[must_use]
    pub fn caught_up(&self, now: UnixTime) -> UnixTime {
        let latest = self.last_attempt.max(self.last_success);
        latest
            .filter(|latest| latest.since(now) <= MAX_CLOCK_SKEW)
            .map_or(now, |latest| latest.max(now))
    }

    /// How far the last fetch is.
    #[must_use]
    pub fn phase(&self, now: UnixTime) -> Phase {
        match self.lease {
            None => Phase::Ended,
            Some(lease) if now < lease.until && lease.until.since(now) <= MAX_LEASE => {
                Phase::UnderWay
            }
            Some(_) => Phase::RunOut,
        }
    }

    /// When a fetch last brought keys.
    #[must_use]
    pub const fn last_success(&self) -> Option<UnixTime> {
        self.last_success
    }

    /// Returns true if the last fetch that ended failed.
    #[must_use]
    pub const fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// Returns true if this came after the other: what was written earlier, and is read again,
    /// changes nothing.
    #[must_use]
    pub const fn is_after(&self, other: &Self) -> bool {
        self.step > other.step
    }

    const fn next(&self) -> Self {
        Self {
            step: self.step.saturating_add(1),
            ..*self
        }
    }

    fn lease_of_others(&self, me: &Fetcher) -> Option<Lease> {
        self.lease.filter(|lease| lease.owner != me.id)
    }

    /// A clock that jumped back must not make the wait longer than it can be.
    fn backs_off(&self, now: UnixTime) -> bool {
        self.retry_at
            .is_some_and(|at| now < at && at.since(now) <= MAX_RETRY + MAX_CLOCK_SKEW)
    }

    fn was_tried_just_now(&self, now: UnixTime) -> bool {
        self.last_attempt
            .is_some_and(|last| last <= now && now.since(last) < UNKNOWN_KEY_LIMIT)
    }

    /// As JSON, for other workers.
    pub(super) fn to_json(self) -> Value {
        let millis = |time: Option<UnixTime>| time.map(UnixTime::millis);
        json!({
            "step": self.step,
            "owner": self.lease.map(|lease| lease.owner),
            "until": self.lease.map(|lease| lease.until.millis()),
            "attempt": millis(self.last_attempt),
            "success": millis(self.last_success),
            "retry": millis(self.retry_at),
            "failures": self.failures,
        })
    }

    /// The reverse of [`Self::to_json`]; `None` if a member is missing or of another type.
    pub(super) fn from_json(value: &Value) -> Option<Self> {
        let number = |name: &str| value.get(name).and_then(Value::as_u64);
        let time = |name: &str| match value.get(name)? {
            Value::Null => Some(None),
            other => other
                .as_i64()
                .map(|millis| Some(UnixTime::from_millis(millis))),
        };
        Some(Self {
            step: number("step")?,
            lease: time("until")?
                .zip(number("owner"))
                .map(|(until, owner)| Lease { owner, until }),
            last_attempt: time("attempt")?,
            last_success: time("success")?,
            retry_at: time("retry")?,
            failures: u32::try_from(number("failures")?).ok()?,
        })
    }
}

impl Lease {
    fn of(fetcher: &Fetcher, now: UnixTime) -> Self {
        Self {
            owner: fetcher.id,
            until: now.after(fetcher.lease),
        }
    }
}

#[cfg(test)]
mod tests;
