//! What is known of the service for metrics and readiness; it goes on when the configuration
//! changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::methods::clock;
use crate::session::LiveSessions;

/// No number of keys is known yet.
const UNKNOWN: u64 = u64::MAX;

/// The state of a service.
#[derive(Debug)]
pub struct ServiceState {
    /// The sessions that this process has begun.
    pub(super) sessions: Arc<LiveSessions>,
    keys: AtomicU64,
    is_store_failing: AtomicBool,
}

impl Default for ServiceState {
    fn default() -> Self {
        Self {
            sessions: Arc::default(),
            keys: AtomicU64::new(UNKNOWN),
            is_store_failing: AtomicBool::new(false),
        }
    }
}

impl ServiceState {
    /// How many sessions this process has begun that have not ended.
    #[must_use]
    pub fn live_sessions(&self) -> u64 {
        u64::try_from(self.sessions.count(clock())).unwrap_or(UNKNOWN)
    }

    /// How many API keys the store held when they were counted last; `None` before that.
    #[must_use]
    pub fn api_keys(&self) -> Option<u64> {
        let keys = self.keys.load(Ordering::Relaxed);
        (keys != UNKNOWN).then_some(keys)
    }

    pub(super) fn set_api_keys(&self, keys: usize) {
        let keys = u64::try_from(keys).unwrap_or(UNKNOWN);
        self.keys.store(keys, Ordering::Relaxed);
    }

    /// Returns true if the store did not answer when it was asked last.
    #[must_use]
    pub fn is_store_failing(&self) -> bool {
        self.is_store_failing.load(Ordering::Relaxed)
    }

    /// Records whether the store answers. Returns true if that is a change.
    pub(super) fn set_store_failing(&self, is_failing: bool) -> bool {
        self.is_store_failing.swap(is_failing, Ordering::Relaxed) != is_failing
    }
}
