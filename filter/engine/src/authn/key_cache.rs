//! When the keys of one source are fetched, by which worker, and how long they are used. Decisions only: the host fetches,
//! and keeps what workers share.

mod fetch_state;
mod share;
mod shelf_life;
mod unknown_keys;

use std::time::Duration;

pub use fetch_state::{Cause, FetchState, Fetcher, Phase, Start};
pub use share::{FetchedKeys, Share, ShareError, ShareKey};
pub use shelf_life::{ShelfLife, refresh_after};
pub use unknown_keys::UnknownKeys;

/// What a request that lacks a key can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Start a fetch, and wait.
    Fetch,
    /// One is under way: wait.
    Join,
    /// Newer keys are held now: decide again.
    Again,
    /// There will be none soon: decide with what is here.
    No,
}

/// Between four fifths of a duration and all of it, by any number.
fn shortened(duration: Duration, jitter: u32) -> Duration {
    let share = jitter % 1000;
    duration.saturating_sub((duration / 5_000).saturating_mul(share))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_takes_at_most_a_fifth() {
        for jitter in [0, 1, 999, 1000, u32::MAX] {
            let short = shortened(Duration::from_secs(100), jitter);
            assert!(short >= Duration::from_secs(80) && short <= Duration::from_secs(100), "{jitter}");
        }
        assert_ne!(shortened(Duration::from_secs(100), 0), shortened(Duration::from_secs(100), 999));
    }
}
