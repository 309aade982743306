//! One task per intake and set: queries each second what the intake holds, and pushes if that is
//! older than the current set.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::timeout;

use crate::envelope::Seal;
use crate::feedback::Feedback;
use crate::generation::Generations;
use crate::intake::{Intake, IntakeError, PushOutcome};
use crate::lanes::Lanes;
use crate::refresh::Published;
use crate::status::FeedReport;

/// Time between two queries, give or take a tenth, so that intakes that were found together are not
/// all asked together; an Envoy that has restarted gets its keys within about this time.
const POLL: Duration = Duration::from_secs(1);

/// Pushes one set to one intake.
pub(crate) struct Pusher {
    /// The name of the set.
    pub(crate) set: Arc<str>,
    /// The address of the intake.
    pub(crate) intake: Intake,
    /// The push key.
    pub(crate) seal: Arc<Seal>,
    /// The set that the intake should hold.
    pub(crate) keys: watch::Receiver<Option<Arc<Published>>>,
    /// Feedback to the refresher.
    pub(crate) feedback: watch::Sender<Feedback>,
    /// The state that the endpoints report.
    pub(crate) report: FeedReport,
    /// Limits the exchanges of all sets and intakes together.
    pub(crate) lanes: Arc<Lanes>,
}

/// The result of the last exchange, as far as it is logged.
#[derive(Debug, PartialEq, Eq)]
enum State {
    Silent,
    Fed,
    Failing(IntakeError),
}

impl Pusher {
    /// Runs until the refresher is dropped.
    pub(crate) async fn run(mut self) {
        let mut state = State::Silent;
        let mut generations = Generations::default();
        loop {
            let lanes = Arc::clone(&self.lanes);
            let failing = matches!(state, State::Failing(_));
            let next = match lanes.run(failing, self.exchange(&mut generations)).await {
                Some(Ok(())) => State::Fed,
                Some(Err(error)) => State::Failing(error),
                None => {
                    self.report.update(|feed| feed.held = None);
                    State::Failing(IntakeError::Timeout)
                }
            };
            log_transition(&self.intake, &state, &next);
            state = next;
            // A new set is pushed immediately; without one, the next query follows after `POLL`.
            let poll = POLL.mul_f64(0.9 + 0.2 * fastrand::f64());
            if let Ok(Err(_)) = timeout(poll, self.keys.changed()).await {
                return;
            }
        }
    }

    async fn exchange(&mut self, generations: &mut Generations) -> Result<(), IntakeError> {
        let asked = self.intake.ask(&self.set, &self.seal).await;
        self.report
            .update(|feed| feed.held = asked.as_ref().ok().map(|(held, _)| held.generation));
        let (held, asked) = asked?;
        let Some(keys) = self.keys.borrow_and_update().clone() else {
            generations.see(held.generation);
            self.report_wanted(0, held.wanted);
            return Ok(());
        };
        let generation = generations.target(keys.generation, held.generation);
        if held.generation >= generation {
            self.report_wanted(keys.generation, held.wanted);
            return Ok(());
        }
        let taken = asked.put(generation, &keys).await;
        self.report.pushed(outcome(taken.as_ref()));
        match taken? {
            PushOutcome::Stored => {
                self.report.update(|feed| feed.held = Some(generation));
                if held.generation == 0 {
                    tracing::info!(intake = %self.intake, generation, "pushed keys to an intake that held none");
                } else {
                    tracing::debug!(intake = %self.intake, generation, "pushed keys");
                }
            }
            // Another shim was faster. The next query returns its generation, and the next refresh
            // exceeds it.
            PushOutcome::NotNewer => {
                tracing::debug!(intake = %self.intake, "the intake has received a newer set in the meantime");
            }
        }
        Ok(())
    }

    /// Reports to the refresher that a key is missing in the set that it published as `generation`.
    fn report_wanted(&self, generation: u64, wanted: bool) {
        if wanted {
            self.feedback
                .send_if_modified(|feedback| feedback.note_wanted(generation));
        }
    }
}

/// The value of the label `outcome` for a push.
const fn outcome(taken: Result<&PushOutcome, &IntakeError>) -> &'static str {
    match taken {
        Ok(PushOutcome::Stored) => "stored",
        Ok(PushOutcome::NotNewer) => "not_newer",
        Err(IntakeError::Unreachable(_)) => "unreachable",
        Err(IntakeError::Timeout) => "timeout",
        Err(_) => "refused",
    }
}

/// Logs changes of state only: an intake that is down for an hour is one line.
fn log_transition(intake: &Intake, before: &State, after: &State) {
    match after {
        _ if before == after => {}
        State::Failing(error) => tracing::warn!(%intake, %error, "pushing to an intake failed"),
        State::Fed | State::Silent => tracing::info!(%intake, "an intake responds"),
    }
}
