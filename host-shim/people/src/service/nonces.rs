//! Nonces of questions, each of which is taken once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use registry_auth_engine::UnixTime;
use registry_auth_engine::keys::envelope::MAX_CLOCK_DIFFERENCE;

/// The most that are remembered: some 300 questions a second for ten minutes.
const MAX: usize = 200_000;

/// The nonces of the last minutes, with the time after which the question of each would be refused
/// for its age.
#[derive(Debug, Default)]
pub(super) struct Nonces(Mutex<HashMap<Vec<u8>, UnixTime>>);

/// Why a nonce is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It was taken before.
    Seen,
    /// No more can be remembered; forgetting one would let its question be asked again.
    Full,
}

impl Nonces {
    /// Takes a nonce of a question that was made at `at`.
    ///
    /// # Errors
    /// See [`Refused`].
    pub(super) fn take(&self, nonce: Vec<u8>, at: UnixTime, now: UnixTime) -> Result<(), Refused> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.contains_key(&nonce) {
            return Err(Refused::Seen);
        }
        if seen.len() >= MAX {
            seen.retain(|_, until| now <= *until);
        }
        if seen.len() >= MAX {
            return Err(Refused::Full);
        }
        seen.insert(nonce, at.after(MAX_CLOCK_DIFFERENCE));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1000);

    #[test]
    fn a_nonce_is_taken_once_and_none_is_forgotten_too_early() {
        let nonces = Nonces::default();
        let nonce = |number: usize| number.to_be_bytes().to_vec();
        for number in 0..MAX {
            assert_eq!(nonces.take(nonce(number), NOW, NOW), Ok(()));
        }
        assert_eq!(nonces.take(nonce(0), NOW, NOW), Err(Refused::Seen));
        let end = NOW.after(MAX_CLOCK_DIFFERENCE);
        assert_eq!(nonces.take(nonce(MAX), end, end), Err(Refused::Full));
        let after = UnixTime::from_millis(end.millis() + 1);
        assert_eq!(nonces.take(nonce(MAX), after, after), Ok(()));
        assert_eq!(nonces.0.lock().unwrap().len(), 1);
    }
}
