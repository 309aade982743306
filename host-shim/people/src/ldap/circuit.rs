//! Whether the directory is asked at all (D23). Pure: the time is an argument.

use std::time::{Duration, Instant};

/// How long the directory is not asked after an outage.
pub const OPEN: Duration = Duration::from_secs(5);

/// A directory that does not answer is left alone for a while; then one login tries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Circuit {
    /// Logins ask the directory.
    #[default]
    Closed,
    /// Nobody asks before this time; who comes then is the one who tries, and the time is moved on.
    Open {
        /// The end of the wait.
        until: Instant,
    },
}

impl Circuit {
    /// Returns how long nobody asks, or lets the caller ask.
    pub(super) fn enter(&mut self, now: Instant) -> Result<(), Duration> {
        let Self::Open { until } = *self else {
            return Ok(());
        };
        let wait = until.saturating_duration_since(now);
        if !wait.is_zero() {
            return Err(wait);
        }
        // One tries; the others wait for what it finds, or for as long as it may take.
        *self = Self::Open { until: now + OPEN };
        Ok(())
    }

    /// The directory has answered.
    pub(super) const fn answered(&mut self) {
        *self = Self::Closed;
    }

    /// The directory has not answered, or refuses the service account.
    pub(super) fn failed(&mut self, now: Instant) {
        *self = Self::Open { until: now + OPEN };
    }

    pub(super) const fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_an_outage_nobody_asks_for_a_while_and_then_one() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let wait = |millis| Err(Duration::from_millis(millis));
        let mut circuit = Circuit::default();
        assert_eq!(
            [circuit.enter(at(0)), circuit.enter(at(0))],
            [Ok(()), Ok(())]
        );
        circuit.failed(at(1000));
        assert!(circuit.is_open());
        assert_eq!(circuit.enter(at(1000)), wait(5000));
        assert_eq!(circuit.enter(at(5999)), wait(1));
        assert_eq!(circuit.enter(at(6000)), Ok(()));
        assert_eq!(circuit.enter(at(6001)), wait(4999));
        // The one who tries has been dropped: the next one tries.
        assert_eq!(circuit.enter(at(11_000)), Ok(()));
        circuit.answered();
        assert!(!circuit.is_open());
        assert_eq!(
            [circuit.enter(at(11_001)), circuit.enter(at(11_001))],
            [Ok(()), Ok(())]
        );
    }
}
