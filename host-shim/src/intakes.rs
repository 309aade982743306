//! The intakes that are known, which change: those that are given, and those at the addresses of
//! names, which are resolved again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinSet, yield_now};
use tokio::time::sleep;

use crate::intake::Intake;
use crate::members::{Change, MAX_ADDRESSES, Members};
use crate::resolve::Resolver;
use crate::status::{NameReport, Status};
use crate::target::{Name, Target};

/// Time between two resolutions of a name, give or take a fifth, so that shims that started together
/// do not ask together.
const AGAIN: Duration = Duration::from_secs(5);

/// The intakes that are known at one time.
#[derive(Debug, Default)]
pub(crate) struct Known {
    given: BTreeSet<Intake>,
    found: BTreeMap<Name, BTreeSet<Intake>>,
}

impl Known {
    /// Returns each intake once.
    pub(crate) fn all(&self) -> BTreeSet<Intake> {
        self.given
            .iter()
            .chain(self.found.values().flatten())
            .cloned()
            .collect()
    }
}

/// Finds the intakes of all targets.
pub(crate) struct Intakes {
    known: Arc<watch::Sender<Known>>,
    names: BTreeMap<Name, NameReport>,
}

impl Intakes {
    /// Takes the targets. Those that are given several times count once.
    pub(crate) fn new(targets: &[Target], status: &Status) -> Self {
        let (mut known, mut names) = (Known::default(), BTreeMap::new());
        for target in targets {
            match target {
                Target::Intake(intake) => _ = known.given.insert(intake.clone()),
                Target::Name(name) => {
                    names.insert(name.clone(), status.name(&name.to_string()));
                }
            }
        }
        Self {
            known: Arc::new(watch::Sender::new(known)),
            names,
        }
    }

    /// Returns a receiver of the known intakes.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Known> {
        self.known.subscribe()
    }

    /// Resolves the names until it is dropped; ends only if a task of it does.
    pub(crate) async fn run<R>(self, resolver: R)
    where
        R: Resolver + Clone + Send + Sync + 'static,
    {
        let Self { known, names } = self;
        let mut tasks = JoinSet::new();
        for (name, report) in names {
            let watcher = Watcher {
                report,
                name,
                resolver: resolver.clone(),
                members: Members::default(),
                known: Arc::clone(&known),
                log_state: LogState::default(),
            };
            tasks.spawn(watcher.run());
        }
        if tasks.is_empty() {
            std::future::pending::<()>().await;
        }
        tasks.join_next().await;
    }
}

/// Keeps the intakes of one name up to date.
struct Watcher<R> {
    name: Name,
    resolver: R,
    members: Members,
    known: Arc<watch::Sender<Known>>,
    report: NameReport,
    log_state: LogState,
}

/// What was logged last, to log changes only.
#[derive(Default)]
struct LogState {
    error: Option<String>,
    too_many: bool,
}

impl<R: Resolver> Watcher<R> {
    async fn run(mut self) {
        loop {
            self.resolve().await;
            sleep(AGAIN.mul_f64(0.8 + 0.4 * fastrand::f64())).await;
        }
    }

    /// Resolves the name once. If that fails, what is known stays.
    async fn resolve(&mut self) {
        let name = self.name.to_string();
        let found = match self.resolver.resolve(&self.name).await {
            Ok(found) => found,
            Err(error) => {
                self.report.update(|state| state.failed += 1);
                let known = self.members.addresses().len();
                if self.log_state.error.as_ref() != Some(&error) {
                    tracing::warn!(name, error, known, "resolving a name of intakes failed");
                }
                self.log_state.error = Some(error);
                return;
            }
        };
        if self.log_state.error.take().is_some() {
            tracing::info!(name, "the name of intakes is resolved again");
        }
        let too_many = found.len() > MAX_ADDRESSES;
        if too_many && !self.log_state.too_many {
            let addresses = found.len();
            tracing::error!(
                name,
                addresses,
                used = MAX_ADDRESSES,
                "a name has more addresses than are used"
            );
        }
        self.log_state.too_many = too_many;
        let change = self.members.record(&found);
        for address in &change.appeared {
            tracing::info!(name, intake = %Intake::at(*address), "found an intake");
        }
        for address in &change.vanished {
            tracing::info!(name, intake = %Intake::at(*address), "an intake is gone from the name");
        }
        let intakes: BTreeSet<_> = self.members.addresses().map(Intake::at).collect();
        let count = intakes.len();
        if change != Change::default() {
            self.known.send_modify(|known| {
                known.found.insert(self.name.clone(), intakes);
            });
            // First the tasks of new intakes report what they lack, and then this that there are
            // some: else `/readyz` could be ready in between.
            yield_now().await;
        }
        self.report.update(|state| {
            state.resolved += 1;
            state.intakes = count;
        });
    }
}

#[cfg(test)]
mod tests;
