//! No panic leaves a hook: one that did would end the proxy.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

/// Panics that are not counted in Envoy's counter yet.
static PANICS: AtomicU64 = AtomicU64::new(0);

/// Returns what `work` gives, or `otherwise` if it panics. Where it panicked is in the log already.
///
/// What it has changed stays as it was left; the filter holds no state that breaks by that, but a request may be lost: its
/// caller refuses it.
pub(crate) fn guard<T>(otherwise: T, work: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(result) => result,
        Err(payload) => {
            PANICS.fetch_add(1, Ordering::Relaxed);
            // Its destructor could panic again.
            std::mem::forget(payload);
            otherwise
        }
    }
}

/// Takes the number of panics since this was called last.
pub(crate) fn take_panics() -> u64 {
    PANICS.swap(0, Ordering::Relaxed)
}
