//! One set in all intakes: a task for each intake that is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinError, JoinSet};
use tracing::{Instrument as _, Span};

use crate::envelope::Seal;
use crate::feedback::Feedback;
use crate::intake::Intake;
use crate::intakes::Known;
use crate::lanes::Lanes;
use crate::push::Pusher;
use crate::refresh::Published;
use crate::status::Status;

/// Pushes one set to all intakes.
pub(crate) struct Feeder {
    /// The name of the set.
    pub(crate) set: Arc<str>,
    /// The intakes.
    pub(crate) intakes: watch::Receiver<Known>,
    /// The push key.
    pub(crate) seal: Arc<Seal>,
    /// The set that the intakes should hold.
    pub(crate) keys: watch::Receiver<Option<Arc<Published>>>,
    /// Feedback to the refresher. It is kept while there are no intakes, so that the refresher runs.
    pub(crate) feedback: watch::Sender<Feedback>,
    /// The state that the endpoints report.
    pub(crate) status: Status,
    /// Limits the exchanges of all sets together.
    pub(crate) lanes: Arc<Lanes>,
}

impl Feeder {
    /// Runs until the refresher is dropped, or nobody changes the intakes any more.
    pub(crate) async fn run(mut self) {
        let mut tasks = JoinSet::new();
        let mut running: BTreeMap<Intake, AbortHandle> = BTreeMap::new();
        loop {
            let known = self.intakes.borrow_and_update().all();
            running.retain(|intake, task| {
                let stays = known.contains(intake);
                if !stays {
                    // Its report goes with it.
                    task.abort();
                }
                stays
            });
            for intake in known {
                if !running.contains_key(&intake) {
                    let pusher = self.pusher(&intake).run().instrument(Span::current());
                    running.insert(intake, tasks.spawn(pusher));
                }
            }
            if self.changed(&mut tasks).await.is_err() {
                return;
            }
        }
    }

    fn pusher(&self, intake: &Intake) -> Pusher {
        Pusher {
            set: Arc::clone(&self.set),
            intake: intake.clone(),
            seal: Arc::clone(&self.seal),
            keys: self.keys.clone(),
            feedback: self.feedback.clone(),
            report: self.status.feed(&intake.to_string(), &self.set),
            lanes: Arc::clone(&self.lanes),
        }
    }

    /// Waits until the intakes change.
    ///
    /// # Errors
    /// Nobody changes them any more, or a task ended by itself.
    async fn changed(&mut self, tasks: &mut JoinSet<()>) -> Result<(), Ended> {
        loop {
            tokio::select! {
                changed = self.intakes.changed() => return changed.map_err(|_| Ended),
                Some(ended) = tasks.join_next() => {
                    if !ended.is_err_and(|error: JoinError| error.is_cancelled()) {
                        return Err(Ended);
                    }
                }
            }
        }
    }
}

/// A task ended for which there is no reason while the shim runs.
struct Ended;
