//! The time of a decision, and how exact it is.

use std::time::Duration;

use super::Need;
use crate::time::UnixTime;

/// What is relied on by a recent time has to last this much longer. It is far more than a host that
/// gives a recent time lets pass between two readings of its clock.
pub const MARGIN: Duration = Duration::from_secs(5);

/// The time of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Now {
    /// What the clock shows.
    Exact(UnixTime),
    /// What the clock has shown a moment ago. It is enough for what lasts [`MARGIN`] longer; for
    /// anything else the verdict is [`Need::Time`].
    Recent(UnixTime),
}

impl Now {
    /// The time, for what depends on each moment.
    ///
    /// # Errors
    /// The clock has to be read.
    pub(crate) const fn exact(self) -> Result<UnixTime, Need> {
        match self {
            Self::Exact(now) => Ok(now),
            Self::Recent(_) => Err(Need::Time),
        }
    }

    /// A time before which it certainly is: what ends later has not ended.
    pub(crate) fn latest(self) -> UnixTime {
        match self {
            Self::Exact(now) => now,
            Self::Recent(shown) => shown.after(MARGIN),
        }
    }
}

impl From<UnixTime> for Now {
    fn from(now: UnixTime) -> Self {
        Self::Exact(now)
    }
}
