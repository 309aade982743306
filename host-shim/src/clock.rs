//! The wall clock.

use std::time::SystemTime;

use registry_auth_engine::time::UnixTime;

/// Returns the current time, or the Unix epoch if the clock is before it.
pub(crate) fn wall_clock() -> UnixTime {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    UnixTime::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
