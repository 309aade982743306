//! How many exchanges with intakes there are at a time, of all sets and intakes together.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::timeout;

/// The most exchanges at a time that began lately.
const QUICK: usize = 32;
/// The most that take longer than [`PATIENCE`], or are with intakes that did not respond last time.
/// They have places of their own: those that hang keep one until the time limit, and would hold up
/// all others.
const SLOW: usize = 32;
/// How long an exchange has a place among the quick ones. On one network one takes milliseconds.
const PATIENCE: Duration = Duration::from_millis(500);

/// The places for exchanges.
#[derive(Debug)]
pub(crate) struct Lanes {
    quick: Semaphore,
    slow: Semaphore,
}

impl Default for Lanes {
    fn default() -> Self {
        Self {
            quick: Semaphore::new(QUICK),
            slow: Semaphore::new(SLOW),
        }
    }
}

impl Lanes {
    /// Waits for a place, first come, first served, and runs an exchange; `failing` if the one before
    /// it failed. `None` if it is slow, and there was no place for another slow one.
    pub(crate) async fn run<T>(
        &self,
        failing: bool,
        exchange: impl Future<Output = T>,
    ) -> Option<T> {
        // Neither is ever closed.
        if failing {
            let _place = self.slow.acquire().await.ok()?;
            return Some(exchange.await);
        }
        let mut exchange = pin!(exchange);
        let quick = self.quick.acquire().await.ok()?;
        if let Ok(done) = timeout(PATIENCE, &mut exchange).await {
            return Some(done);
        }
        let _place = self.slow.try_acquire().ok()?;
        drop(quick);
        Some(exchange.await)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::task::JoinSet;
    use tokio::time::{Instant, sleep};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn slow_exchanges_keep_no_place_of_quick_ones() {
        const HANGS: Duration = Duration::from_secs(5);
        let lanes = Arc::new(Lanes::default());
        let [open, most] = [0, 0].map(|zero| Arc::new(AtomicUsize::new(zero)));
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        // (number, failing, how long each takes)
        let rows = [
            (100, true, HANGS),
            (100, false, HANGS),
            (200, false, Duration::from_millis(5)),
        ];
        for (number, failing, takes) in rows {
            for _ in 0..number {
                let (lanes, open, most) = (lanes.clone(), open.clone(), most.clone());
                tasks.spawn(async move {
                    let exchange = async {
                        let open = open.fetch_add(1, Ordering::Relaxed) + 1;
                        most.fetch_max(open, Ordering::Relaxed);
                        sleep(takes).await;
                    };
                    let done = lanes.run(failing, exchange).await;
                    open.fetch_sub(1, Ordering::Relaxed);
                    (failing, takes, done.is_some(), start.elapsed())
                });
            }
        }
        let mut given_up = 0;
        while let Some(ended) = tasks.join_next().await {
            let (failing, takes, done, after) = ended.unwrap();
            assert!(
                done || !failing && takes == HANGS,
                "given up: {failing} {takes:?}"
            );
            given_up += usize::from(!done);
            // The clock is the paused one: 100 that hang leave the quick lane after four rounds.
            assert!(takes == HANGS || after < 5 * PATIENCE, "{after:?}");
        }
        assert_eq!(given_up, 100, "the slow lane was full");
        assert_eq!(most.load(Ordering::Relaxed), QUICK + SLOW);
    }
}
