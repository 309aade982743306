//! The host's wall clock, checked for plausibility.
//!
//! A host that loses the upper half of the 64 bits of its time, or whose clock was never set, makes
//! it 1970, and by that no token has expired. So times before the module was built are rejected.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use registry_auth_engine::facts::Now;
use registry_auth_engine::time::UnixTime;

use crate::host::{self, HostError, LogLevel};

/// 2026-11-01T00:00:00Z, raised with each release. `SOURCE_DATE_EPOCH` (reproducible-builds.org),
/// set while building, may raise it further; never the machine's own clock, so that the same source
/// stays the same module.
const RELEASED: i64 = 1_793_491_200;

/// No time before this is accepted.
const BUILT: UnixTime = UnixTime::from_secs(built(option_env!("SOURCE_DATE_EPOCH")));

/// The clock shows a time before [`BUILT`].
pub(crate) const NOT_SET: HostError =
    HostError("get_current_time: the time is before the module was built");

/// How many requests one reading of the clock is for: it is a host call, and as expensive as a part of
/// the decision.
const USES: u32 = 32;

/// A clock that shows more than this since the last tick was set, or the ticks have stopped.
const STALLED: Duration = Duration::from_secs(1);

thread_local! {
    /// The last reading of the clock, as long as it may be used.
    static LAST: Cell<Option<Reading>> = const { Cell::new(None) };
}

/// A reading of the clock.
#[derive(Clone, Copy)]
struct Reading {
    /// When the host ticked last.
    tick: UnixTime,
    /// What the clock has shown.
    shown: UnixTime,
    /// How many requests it may still be used for.
    uses: u32,
}

/// It was logged that the clock cannot be right; logged once until the clock is right again.
static REPORTED: AtomicBool = AtomicBool::new(false);

/// Now, or the earliest time that can be where the clock is not right (yet): for the tests of a
/// policy, which decide no request.
pub(crate) fn now_or_built() -> UnixTime {
    now().unwrap_or(BUILT)
}

/// Now, on a tick: requests may use it until the next one.
///
/// # Errors
/// As [`now`].
pub(crate) fn tick() -> Result<UnixTime, HostError> {
    LAST.set(None);
    let tick = now()?;
    LAST.set(Some(Reading {
        tick,
        shown: tick,
        uses: USES,
    }));
    Ok(tick)
}

/// Now for a request, mostly without reading the clock.
///
/// Envoy ticks on the thread that handles requests, and at the latest when it has handled those that
/// it knew of when the tick was due. So a recent time is older than a tick period by no more than
/// that takes, which is why no other host gets one: nothing says that their ticks go on. A clock that
/// is set, or a machine that wakes up, shows on the next tick, or after [`USES`] requests.
///
/// # Errors
/// As [`now`].
pub(crate) fn for_request() -> Result<Now, HostError> {
    let Some(last) = LAST.get().filter(|_| host::ticks_always()) else {
        return Ok(now()?.into());
    };
    if let Some(uses) = last.uses.checked_sub(1) {
        LAST.set(Some(Reading { uses, ..last }));
        return Ok(Now::Recent(last.shown));
    }
    LAST.set(None);
    let now = now()?;
    // Once it does not fit, each request reads it until there is a tick.
    if now >= last.tick && now.since(last.tick) <= STALLED {
        LAST.set(Some(Reading {
            shown: now,
            uses: USES,
            ..last
        }));
    }
    Ok(now.into())
}

/// Now.
///
/// # Errors
/// [`NOT_SET`], which is logged once, and a failure of the host. No request may be decided then.
pub(crate) fn now() -> Result<UnixTime, HostError> {
    let now = host::time()?;
    if now >= BUILT {
        if REPORTED.load(Ordering::Relaxed) {
            REPORTED.store(false, Ordering::Relaxed);
            host::log(LogLevel::Warn, "the host's clock is right again");
        }
        return Ok(now);
    }
    if !REPORTED.swap(true, Ordering::Relaxed) {
        let line = format!(
            "the host's clock says {}, before this module was built ({}): every request is answered with 503 until it is right",
            now.rfc3339(),
            BUILT.rfc3339()
        );
        host::log(LogLevel::Error, &line);
    }
    Err(NOT_SET)
}

/// The seconds of `SOURCE_DATE_EPOCH`, at least [`RELEASED`]; that too if it is no number.
const fn built(epoch: Option<&str>) -> i64 {
    let Some(epoch) = epoch else { return RELEASED };
    match i64::from_str_radix(epoch, 10) {
        Ok(seconds) if seconds > RELEASED => seconds,
        _ => RELEASED,
    }
}
