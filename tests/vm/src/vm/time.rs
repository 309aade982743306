//! The clock and the ticks of a VM.

use anyhow::Result;
use registry_auth_engine::time::UnixTime;

use super::Vm;
use crate::host::Clock;

impl Vm {
    /// Moves the clock by the tick period of the module and ticks, again as long as the module sets
    /// a shorter period. Does nothing if the period is 0.
    ///
    /// # Errors
    /// The module traps.
    pub fn tick(&mut self) -> Result<()> {
        let period = self.store.data().tick;
        if period == 0 || !self.exports("proxy_on_tick") {
            return Ok(());
        }
        self.advance(i64::from(period));
        self.tick_now()?;
        self.hurry(period)
    }

    pub(super) fn tick_now(&mut self) -> Result<()> {
        for root in self.store.data().roots.clone() {
            self.call::<u32, ()>("proxy_on_tick", root, root)?;
        }
        self.pump()
    }

    /// Ticks as long as the module sets a shorter period than before, without moving the clock.
    pub(super) fn hurry(&mut self, period: u32) -> Result<()> {
        while (1..period).contains(&self.store.data().tick) {
            self.tick_now()?;
        }
        Ok(())
    }

    /// Moves the clock forward by this number of milliseconds.
    pub fn advance(&mut self, millis: i64) {
        let clock = &mut self.store.data_mut().clock;
        *clock = match *clock {
            Clock::Ahead(ahead) => Clock::Ahead(ahead.saturating_add(millis)),
            Clock::At(time) => {
                Clock::At(UnixTime::from_millis(time.millis().saturating_add(millis)))
            }
        };
    }

    /// Returns the current time of the host's clock.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        self.store.data().clock.now()
    }
}
