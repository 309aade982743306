//! When the keys of one source are fetched, by which worker, and how long they are used. Decisions
//! only: the host fetches, and keeps what workers share.

mod fetch_codec;
mod fetch_state;
mod freshness;

use std::time::Duration;

use crate::time::UnixTime;

pub use fetch_codec::{FetchCodec, FetchCodecError, FetchedKeys, SharedDataKey};
pub use fetch_state::{Cause, FetchState, Fetcher, NEXT_FETCH, Phase, Start};
pub use freshness::{Freshness, refresh_after};

/// What a request lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lack {
    /// No keys are held.
    Keys,
    /// None of the keys that are held has the key id of its token.
    Key {
        /// When the request came.
        since: UnixTime,
    },
}

impl Lack {
    /// Why keys are fetched for it.
    #[must_use]
    pub const fn cause(self) -> Cause {
        match self {
            Self::Keys => Cause::Missing,
            Self::Key { .. } => Cause::UnknownKey,
        }
    }
}

/// What a request that lacks a key can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Start a fetch, and wait.
    Fetch,
    /// One is under way: wait.
    Join,
    /// None may begin yet: wait for the next one, which begins within [`NEXT_FETCH`].
    Next,
    /// Newer keys are held now: decide again.
    Again,
    /// The keys that are held were asked for after the request came: the key does not exist.
    Current,
    /// There will be none soon, and nothing is known about the key.
    No,
}

/// Between four fifths of a duration and all of it, by any number.
fn with_jitter(duration: Duration, jitter: u32) -> Duration {
    let share = jitter % 1000;
    duration.saturating_sub((duration / 5_000).saturating_mul(share))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_takes_at_most_a_fifth() {
        for jitter in [0, 1, 999, 1000, u32::MAX] {
            let short = with_jitter(Duration::from_secs(100), jitter);
            assert!(
                short >= Duration::from_secs(80) && short <= Duration::from_secs(100),
                "{jitter}"
            );
        }
        assert_ne!(
            with_jitter(Duration::from_secs(100), 0),
            with_jitter(Duration::from_secs(100), 999)
        );
    }
}
