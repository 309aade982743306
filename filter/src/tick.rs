//! How often the host ticks.

use std::cell::Cell;
use std::time::Duration;

use crate::host::{self, HostError};

/// How often pushed keys are read, due fetches begin, and time limits of requests are checked.
pub(crate) const TICK: Duration = Duration::from_millis(250);

/// Time to the next tick while more is to be done than one callback may.
const FAST_TICK: Duration = Duration::from_millis(1);

/// How many fast ticks make a slow one: expensive work is done with slow ones only.
const FAST_TICKS: u32 = 64;

/// The tick period of one root context.
#[derive(Default)]
pub(crate) struct Ticker {
    is_fast: Cell<bool>,
    fast_ticks: Cell<u32>,
}

impl Ticker {
    /// Starts the ticks, or restarts them.
    ///
    /// # Errors
    /// The host does not tick.
    pub(crate) fn start(&self) -> Result<(), HostError> {
        host::set_tick_period(TICK)?;
        self.is_fast.set(false);
        Ok(())
    }

    /// Asks for the next tick soon while there is more to do.
    pub(crate) fn set_tick(&self, more: bool) {
        if self.is_fast.get() != more
            && host::set_tick_period(if more { FAST_TICK } else { TICK }).is_ok()
        {
            self.is_fast.set(more);
            self.fast_ticks.set(0);
        }
    }

    /// Returns true on a tick with which something is due that is not done with each fast one.
    pub(crate) fn is_due(&self) -> bool {
        let ticks = self.fast_ticks.get();
        self.fast_ticks.set((ticks + 1) % FAST_TICKS);
        !self.is_fast.get() || ticks == FAST_TICKS - 1
    }
}
