//! The connections to the endpoints: a bounded number, of which a new one is never refused.
//!
//! The oldest one that has not sent its request makes room, so that connections on which nothing
//! comes do not keep a probe out.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::{AbortHandle, JoinSet};

/// Maximum number of connections at a time.
const MAX_CONNECTIONS: usize = 64;

/// The connections that are open, the oldest first.
#[derive(Default)]
pub(crate) struct Connections {
    tasks: JoinSet<()>,
    open: Vec<(AbortHandle, Stage)>,
}

/// How far a connection is; clones refer to the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stage(Arc<AtomicBool>);

impl Connections {
    /// Serves a new connection. If there are too many, the oldest of those without a request is
    /// closed, or the oldest of all.
    pub(crate) fn add<F>(&mut self, serve: impl FnOnce(Stage) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        while self.tasks.try_join_next().is_some() {}
        self.open.retain(|(task, _)| !task.is_finished());
        if self.open.len() >= MAX_CONNECTIONS {
            let silent = self.open.iter().position(|(_, stage)| !stage.has_request());
            let (task, _) = self.open.remove(silent.unwrap_or(0));
            task.abort();
        }
        let stage = Stage::default();
        let task = self.tasks.spawn(serve(stage.clone()));
        self.open.push((task, stage));
    }
}

impl Stage {
    /// The request has come.
    pub(crate) fn request_is_there(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn has_request(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows: which connections have sent their request, and which one is closed for another.
    #[tokio::test]
    async fn the_oldest_without_a_request_makes_room() {
        let rows = [
            (vec![], 0),
            (vec![0, 1, 3], 2),
            ((0..MAX_CONNECTIONS).collect(), 0),
        ];
        for (with_request, closed) in rows {
            let mut connections = Connections::default();
            for index in 0..MAX_CONNECTIONS {
                connections.add(|stage| {
                    if with_request.contains(&index) {
                        stage.request_is_there();
                    }
                    std::future::pending()
                });
            }
            let tasks: Vec<_> = connections
                .open
                .iter()
                .map(|(task, _)| task.clone())
                .collect();
            connections.add(|_| std::future::pending());
            // Each task has its turn.
            for _ in 0..MAX_CONNECTIONS {
                tokio::task::yield_now().await;
            }
            let ended: Vec<_> = (0..tasks.len())
                .filter(|index| tasks[*index].is_finished())
                .collect();
            assert_eq!(ended, [closed], "{with_request:?}");
            assert_eq!(connections.open.len(), MAX_CONNECTIONS);
        }
    }
}
