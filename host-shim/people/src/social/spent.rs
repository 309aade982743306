//! Which logins have been finished: each state is taken once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use registry_auth_engine::UnixTime;

use super::error::{Reason, SocialError};
use super::http::Answer;
use crate::store::Store;

/// The most states that are remembered. Each is forgotten when its login has ended.
pub const MAX_SPENT: usize = 65_536;

/// Remembers states.
pub trait SpentStates: Send + Sync {
    /// Takes a state.
    ///
    /// # Errors
    /// [`Reason::NoLogin`]: it was taken before. [`Reason::Busy`], [`Reason::StoreUnavailable`]: it
    /// cannot be remembered.
    fn take<'a>(
        &'a self,
        state: &'a str,
        until: UnixTime,
        now: UnixTime,
    ) -> Answer<'a, Result<(), SocialError>>;
}

/// In the store, which several processes may share.
pub struct SpentInStore(pub Arc<dyn Store>);

impl SpentStates for SpentInStore {
    fn take<'a>(
        &'a self,
        state: &'a str,
        until: UnixTime,
        now: UnixTime,
    ) -> Answer<'a, Result<(), SocialError>> {
        Box::pin(async move {
            match self
                .0
                .take_once(&format!("login {state}"), until, now)
                .await
            {
                Ok(true) => Ok(()),
                Ok(false) => Err(used()),
                Err(error) => Err(Reason::StoreUnavailable.because(error)),
            }
        })
    }
}

impl std::fmt::Debug for SpentInStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SpentInStore")
    }
}

fn used() -> SocialError {
    Reason::NoLogin.because("the login was used before")
}

/// In memory, for one process.
#[derive(Debug, Default)]
pub struct SpentInMemory(Mutex<BTreeMap<String, UnixTime>>);

impl SpentStates for SpentInMemory {
    fn take<'a>(
        &'a self,
        state: &'a str,
        until: UnixTime,
        now: UnixTime,
    ) -> Answer<'a, Result<(), SocialError>> {
        let taken = self.take_now(state, until, now);
        Box::pin(async move { taken })
    }
}

impl SpentInMemory {
    fn take_now(&self, state: &str, until: UnixTime, now: UnixTime) -> Result<(), SocialError> {
        let mut spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.contains_key(state) {
            return Err(used());
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
