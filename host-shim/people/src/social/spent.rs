//! Which logins have been finished: each state is taken once.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use registry_auth_engine::UnixTime;

use super::error::{Reason, SocialError};

/// The most states that are remembered. Each is forgotten when its login has ended.
pub const MAX_SPENT: usize = 65_536;

/// Remembers states.
pub trait SpentStates: Send + Sync {
    /// Takes a state.
    ///
    /// # Errors
    /// [`Reason::NoLogin`]: it was taken before. [`Reason::Busy`]: nothing more can be remembered.
    fn take(&self, state: &str, until: UnixTime, now: UnixTime) -> Result<(), SocialError>;
}

/// In memory, for one process.
#[derive(Debug, Default)]
pub struct SpentInMemory(Mutex<BTreeMap<String, UnixTime>>);

impl SpentStates for SpentInMemory {
    fn take(&self, state: &str, until: UnixTime, now: UnixTime) -> Result<(), SocialError> {
        let mut spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.contains_key(state) {
            return Err(Reason::NoLogin.because("the login was used before"));
        }
        if spent.len() >= MAX_SPENT {
            spent.retain(|_, until| now < *until);
        }
        // Forgetting one that may still be used would let it be used again.
        if spent.len() >= MAX_SPENT {
            return Err(Reason::Busy.because("too many logins within ten minutes"));
        }
        spent.insert(state.to_owned(), until);
        Ok(())
    }
}
