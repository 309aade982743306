//! The shim: the tasks that fetch key sets and push them to the intakes.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tracing::Instrument as _;

use crate::clock::wall_clock;
use crate::envelope::Seal;
use crate::feedback::Feedback;
use crate::feeder::Feeder;
use crate::intakes::{Intakes, Known};
use crate::key_sets::{KeySetSource, Origin};
use crate::lanes::Lanes;
use crate::login_feed::LoginFeed;
use crate::publish;
use crate::refresh::{Channels, Published, Refresher, Timing};
use crate::resolve::System;
use crate::secrets::SecretsManager;
use crate::source::Source;
use crate::status::Status;
use crate::target::Target;

/// The running tasks of all sets, and what they share. They end when it is dropped.
pub(crate) struct Shim {
    intakes: watch::Receiver<Known>,
    lanes: Arc<Lanes>,
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
    /// Creates a shim without sets, and starts to find the intakes of the targets.
    pub(crate) fn new(targets: &[Target], seal: Seal, status: Status) -> Self {
        let intakes = Intakes::new(targets, &status);
        let mut shim = Self {
            intakes: intakes.subscribe(),
            lanes: Arc::default(),
            seal: Arc::new(seal),
            status,
            sets: BTreeMap::new(),
            tasks: JoinSet::new(),
        };
        shim.tasks.spawn(intakes.run(System));
        shim
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
        let tasks = match &set.origin {
            Origin::Secret(place, content) => {
                let source = SecretsManager::connect(place, content.clone()).await;
                let tasks = self.spawn(name, source, set.timing);
                tracing::info!(
                    set = &**name,
                    secret = place.secret_name,
                    region = place.region,
                    "started to fetch keys"
                );
                tasks
            }
            Origin::Issuer(issuer) => {
                tracing::info!(set = &**name, %issuer, "started to fetch keys");
                self.spawn(name, issuer.clone(), set.timing)
            }
            Origin::Login(feed) => {
                tracing::info!(set = &**name, "started to push the login key");
                self.spawn_login(name, feed.clone())
            }
        };
        let name = Arc::clone(name);
        self.sets.insert(name, RunningSet { source: set, tasks });
    }

    /// Starts the tasks of the set of the login service: nothing is fetched.
    fn spawn_login(&mut self, name: &Arc<str>, feed: LoginFeed) -> Vec<AbortHandle> {
        let (keys_sender, keys) = watch::channel(None);
        let span = tracing::info_span!("source", set = &**name);
        let feeder = self.feeder(name, keys, watch::channel(Feedback::default()).0);
        let report = self.status.source(name);
        let publisher = publish::run(feed, keys_sender, report);
        vec![
            self.tasks.spawn(feeder.run().instrument(span.clone())),
            self.tasks.spawn(publisher.instrument(span)),
        ]
    }

    fn feeder(
        &self,
        name: &Arc<str>,
        keys: watch::Receiver<Option<Arc<Published>>>,
        feedback: watch::Sender<Feedback>,
    ) -> Feeder {
        Feeder {
            set: Arc::clone(name),
            intakes: self.intakes.clone(),
            seal: Arc::clone(&self.seal),
            keys,
            feedback,
            status: self.status.clone(),
            lanes: Arc::clone(&self.lanes),
        }
    }

    /// Starts the tasks of one set: one that fetches, and one that has a task for each intake. They
    /// do not wait for those of other sets.
    fn spawn<S: Source + Send + Sync + 'static>(
        &mut self,
        name: &Arc<str>,
        source: S,
        timing: Timing,
    ) -> Vec<AbortHandle> {
        let (keys_sender, keys) = watch::channel(None);
        let (feedback, feedback_receiver) = watch::channel(Feedback::default());
        let span = tracing::info_span!("source", set = &**name);
        let feeder = self.feeder(name, keys, feedback);
        let channels = Channels {
            keys: keys_sender,
            feedback: feedback_receiver,
            report: self.status.source(name),
        };
        let refresher = Refresher::new(source, timing, wall_clock, channels);
        vec![
            self.tasks.spawn(feeder.run().instrument(span.clone())),
            self.tasks.spawn(refresher.run().instrument(span)),
        ]
    }
}
