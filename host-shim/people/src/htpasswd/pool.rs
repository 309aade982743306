//! Threads for work that keeps a processor busy (D20).

use std::sync::Arc;

use tokio::sync::Semaphore;

/// The hashes that are computed at once.
pub const MAX_RUNNING: usize = 4;

/// The hashes that wait; more are refused.
pub const MAX_WAITING: usize = 100;

/// Too much work waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

/// A bounded number of threads, and a bounded queue before them.
#[derive(Debug)]
pub(crate) struct Pool {
    places: Arc<Semaphore>,
    threads: Arc<Semaphore>,
}

impl Pool {
    pub(crate) fn new() -> Self {
        Self {
            places: Arc::new(Semaphore::new(MAX_RUNNING + MAX_WAITING)),
            threads: Arc::new(Semaphore::new(MAX_RUNNING)),
        }
    }

    /// Runs `work` on a thread of its own, after what waits already.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| Busy)?;
        let thread = Arc::clone(&self.threads)
            .acquire_owned()
            .await
            .map_err(|_| Busy)?;
        // Both are given back by the thread: who stops waiting does not stop the work.
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop((place, thread));
            result
        });
        done.await.map_err(|_| Busy)
    }
}
