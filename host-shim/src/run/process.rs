//! Envoy as a process: started, started again when it ends, and ended with this program.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::Context as _;
use backon::{BackoffBuilder as _, ExponentialBuilder};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, timeout};

use super::launcher;
use super::lines::{self, Heard};

/// Pause before Envoy is started again, at first and at most.
const BACK_OFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// An Envoy that ran as long as this is started again after the shortest pause.
const STEADY: Duration = Duration::from_mins(1);
/// How long Envoy may take to end before it is killed.
const END: Duration = Duration::from_secs(10);

/// How to start Envoy.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    /// The program.
    pub(crate) program: PathBuf,
    /// Its arguments.
    pub(crate) arguments: Vec<OsString>,
    /// Its whole environment.
    pub(crate) environment: Vec<(OsString, OsString)>,
}

/// The state of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Process {
    /// It was not started yet.
    Waiting,
    /// It runs; whether it serves, its admin interface says.
    Running,
    /// It has ended, or cannot be started; with the reason.
    Ended(String),
}

/// Keeps one Envoy running.
pub(crate) struct Supervisor {
    launch: Launch,
    heard: Heard,
    state: watch::Sender<Process>,
    starts: watch::Sender<u64>,
}

/// What others may know of the process.
#[derive(Clone, Debug)]
pub(crate) struct Observer {
    /// Its state.
    pub(crate) state: watch::Receiver<Process>,
    /// How often it was started.
    pub(crate) starts: watch::Receiver<u64>,
}

impl Supervisor {
    /// Creates a supervisor that has not started Envoy yet.
    pub(crate) fn new(launch: Launch, heard: Heard) -> (Self, Observer) {
        let (state, state_receiver) = watch::channel(Process::Waiting);
        let (starts, starts_receiver) = watch::channel(0);
        let supervisor = Self {
            launch,
            heard,
            state,
            starts,
        };
        let observer = Observer {
            state: state_receiver,
            starts: starts_receiver,
        };
        (supervisor, observer)
    }

    /// Runs Envoy until `stop` is sent or dropped; then ends it, and returns. Has to be polled on
    /// the main thread, see [`launcher::command`].
    pub(crate) async fn run(self, mut stop: oneshot::Receiver<()>) {
        let builder = ExponentialBuilder::new()
            .with_min_delay(BACK_OFF.0)
            .with_max_delay(BACK_OFF.1)
            .without_max_times();
        let mut pauses = builder.build();
        loop {
            let began = Instant::now();
            let reason = match self.start() {
                Ok(mut child) => {
                    self.starts.send_modify(|starts| *starts += 1);
                    self.state.send_replace(Process::Running);
                    let status = tokio::select! {
                        status = child.wait() => status,
                        _ = &mut stop => return end(child).await,
                    };
                    status.map_or_else(|error| error.to_string(), ended_with)
                }
                Err(error) => format!("{error:#}"),
            };
            tracing::error!(reason, "Envoy has ended");
            self.state.send_replace(Process::Ended(reason));
            if began.elapsed() >= STEADY {
                pauses = builder.build();
            }
            tokio::select! {
                () = sleep(pauses.next().unwrap_or(BACK_OFF.1)) => {}
                _ = &mut stop => return,
            }
            tracing::info!("starting Envoy again");
        }
    }

    fn start(&self) -> anyhow::Result<Child> {
        let mut command = Command::from(launcher::command(
            &self.launch.program,
            &self.launch.arguments,
        ));
        let mut child = command
            .env_clear()
            .envs(
                self.launch
                    .environment
                    .iter()
                    .map(|(name, value)| (name, value)),
            )
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start Envoy")?;
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(lines::log_envoy(stderr, self.heard.clone()));
        }
        if let Some(stdout) = child.stdout.take() {
            tokio::spawn(lines::log_requests(stdout));
        }
        Ok(child)
    }
}

/// Asks Envoy to end, and kills it if it does not.
async fn end(mut child: Child) {
    let id = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .and_then(Pid::from_raw);
    if let Some(id) = id {
        // Ignored: it may have ended by itself.
        let _ = kill_process(id, Signal::TERM);
    }
    if timeout(END, child.wait()).await.is_err() {
        tracing::warn!("Envoy does not end, and is killed");
        // Ignored: it may have ended meanwhile.
        drop(child.kill().await);
    }
}

fn ended_with(status: ExitStatus) -> String {
    format!("it ended with {status}")
}
