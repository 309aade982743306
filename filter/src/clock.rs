//! The host's wall clock, checked for plausibility.
//!
//! A host that loses the upper half of the 64 bits of its time, or whose clock was never set, makes
//! it 1970, and by that no token has expired. So times before the module was built are rejected.

use std::sync::atomic::{AtomicBool, Ordering};

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

/// It was logged that the clock cannot be right; logged once until the clock is right again.
static REPORTED: AtomicBool = AtomicBool::new(false);

/// Now, or the earliest time that can be where the clock is not right (yet): for the tests of a
/// policy, which decide no request.
pub(crate) fn now_or_built() -> UnixTime {
    now().unwrap_or(BUILT)
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
