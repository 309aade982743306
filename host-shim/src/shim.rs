//! The shim: the tasks that fetch key sets and push them to the intakes.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tracing::Instrument as _;

use crate::clock::wall_clock;
use crate::configuration::{KeySetSource, Origin};
use crate::envelope::Seal;
use crate::feedback::Feedback;
use crate::intake::Intake;
use crate::push::Pusher;
use crate::refresh::{Channels, Refresher, Timing};
use crate::secrets::SecretsManager;
use crate::source::Source;
use crate::status::Status;

/// The running tasks of all sets, and what they share. They end when it is dropped.
pub(crate) struct Shim {
    intakes: Vec<Intake>,
    seal: Arc<Seal>,
    status: Status,
    sets: BTreeMap<Arc<str>, RunningSet>,
    tasks: JoinSet<()>,
}

/// A set whose tasks run.
struct RunningSet {
    source: KeySetSource,
    tasks: Vec<AbortHandle>,
}

impl Shim {
    /// Creates a shim without sets. Duplicates among the intakes are removed: two tasks for one
    /// intake would interfere with each other.
    pub(crate) fn new(intakes: &[Intake], seal: Seal, status: Status) -> Self {
        Self {
            intakes: unique(intakes),
            seal: Arc::new(seal),
            status,
            sets: BTreeMap::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Starts those of the sets that are not running under their name, and leaves all others alone.
    pub(crate) async fn add(&mut self, sets: &[KeySetSource]) {
        for set in sets {
            if !self.sets.contains_key(&set.name) {
                self.start(set.clone()).await;
            }
        }
    }

    /// Runs exactly these sets: starts new ones, ends others, and restarts those that have changed.
    pub(crate) async fn keep(&mut self, sets: &[KeySetSource]) {
        let ended: Vec<Arc<str>> = self
            .sets
            .iter()
            .filter(|(_, running)| !sets.contains(&running.source))
            .map(|(name, _)| Arc::clone(name))
            .collect();
        for name in ended {
            for task in self
                .sets
                .remove(&name)
                .into_iter()
                .flat_map(|set| set.tasks)
            {
                task.abort();
            }
            self.status.forget(&name);
            tracing::info!(set = &*name, "stopped to fetch keys");
        }
        self.add(sets).await;
    }

    /// Returns when a task has ended that nobody has ended.
    pub(crate) async fn task_ended(&mut self) {
        loop {
            match self.tasks.join_next().await {
                Some(Err(error)) if error.is_cancelled() => {}
                Some(_) => return,
                None => std::future::pending().await,
            }
        }
    }

    /// Ends all tasks.
    pub(crate) async fn shut_down(&mut self) {
        self.tasks.shutdown().await;
    }

    async fn start(&mut self, set: KeySetSource) {
        let name = &set.name;
        let intakes = self.intakes.len();
        let tasks = match &set.origin {
            Origin::Secret(place, content) => {
                let source = SecretsManager::connect(place, content.clone()).await;
                let tasks = self.spawn(name, source, set.timing);
                tracing::info!(
                    set = &**name,
                    secret = place.secret_name,
                    region = place.region,
                    intakes,
                    "started to fetch keys"
                );
                tasks
            }
            Origin::Issuer(issuer) => {
                tracing::info!(set = &**name, %issuer, intakes, "started to fetch keys");
                self.spawn(name, issuer.clone(), set.timing)
            }
        };
        let name = Arc::clone(name);
        self.sets.insert(name, RunningSet { source: set, tasks });
    }

    /// Starts the tasks of one set: one that fetches, and one for each intake that pushes. They do
    /// not wait for those of other sets.
    fn spawn<S: Source + Send + Sync + 'static>(
        &mut self,
        name: &Arc<str>,
        source: S,
        timing: Timing,
    ) -> Vec<AbortHandle> {
        let (keys_sender, keys) = watch::channel(None);
        let (feedback, feedback_receiver) = watch::channel(Feedback::default());
        let span = tracing::info_span!("source", set = &**name);
        let mut tasks = Vec::new();
        for intake in &self.intakes {
            let pusher = Pusher {
                set: Arc::clone(name),
                intake: intake.clone(),
                seal: Arc::clone(&self.seal),
                keys: keys.clone(),
                feedback: feedback.clone(),
                report: self.status.feed(&intake.to_string(), name),
            };
            tasks.push(self.tasks.spawn(pusher.run().instrument(span.clone())));
        }
        let channels = Channels {
            keys: keys_sender,
            feedback: feedback_receiver,
            report: self.status.source(name),
        };
        let refresher = Refresher::new(source, timing, wall_clock, channels);
        tasks.push(self.tasks.spawn(refresher.run().instrument(span)));
        tasks
    }
}

fn unique(intakes: &[Intake]) -> Vec<Intake> {
    let mut unique: Vec<Intake> = Vec::with_capacity(intakes.len());
    for intake in intakes {
        if !unique.contains(intake) {
            unique.push(intake.clone());
        }
    }
    unique
}
