//! An intake of our own: takes envelopes as the filter does.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use serde_json::json;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;

use crate::http::{self, Answer, Listener, Seen};

/// The push key of intake and shim.
pub(crate) const PUSH_KEY: &str = "only-for-tests-0123456789abcdefgh";

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// A listening intake.
pub(crate) struct Intake {
    url: String,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

#[derive(Default)]
struct State {
    generation: u64,
    wanted: bool,
    lags: bool,
    key_ids: Vec<String>,
    refusals: Vec<u16>,
}

impl Intake {
    /// Listens on a free TCP port.
    pub(crate) async fn tcp() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        Ok(Self::over(Listener::Tcp(listener), url))
    }

    /// Listens on a Unix socket, which an earlier intake may have left behind.
    pub(crate) fn unix(path: &PathBuf) -> anyhow::Result<Self> {
        if path.exists() {
            std::fs::remove_file(path)?;
        }
        Ok(Self::over(Listener::Unix(UnixListener::bind(path)?), format!("unix:{}", path.display())))
    }

    fn over(listener: Listener, url: String) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        let task = http::serve(listener, Arc::new(move |seen| lock(&shared).answer(&seen)));
        Self { url, state, task }
    }

    /// What `--envoy` is given.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Says from now on that a filter met an unknown key id.
    pub(crate) fn want(&self) {
        lock(&self.state).wanted = true;
    }

    /// Holds a set of that generation without keys, as another shim might have pushed it; 0 forgets everything.
    pub(crate) fn hold(&self, generation: u64) {
        let mut state = lock(&self.state);
        state.generation = generation;
        state.key_ids.clear();
    }

    /// Says from now on that nothing is held, or the truth: as if another shim's push fell between a question and a push.
    pub(crate) fn lags(&self, lags: bool) {
        lock(&self.state).lags = lags;
    }

    /// The generation that is held.
    pub(crate) fn generation(&self) -> u64 {
        lock(&self.state).generation
    }

    /// The statuses of refused pushes.
    pub(crate) fn refusals(&self) -> Vec<u16> {
        lock(&self.state).refusals.clone()
    }

    /// Waits until exactly the keys `expected` are held, in the order of their names.
    pub(crate) async fn holds(&self, expected: &[&str]) -> anyhow::Result<()> {
        let held = eventually(|| (lock(&self.state).key_ids == expected).then_some(())).await;
        held.with_context(|| format!("{expected:?} never came, held: {:?}", lock(&self.state).key_ids))
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    fn answer(&mut self, seen: &Seen) -> Answer {
        match (seen.method.as_str(), seen.path.as_str()) {
            ("GET", "/v1/keys/bearer") => {
                let generation = if self.lags { 0 } else { self.generation };
                (200, json!({"set": "bearer", "generation": generation, "wanted": self.wanted}).to_string())
            }
            ("PUT", "/v1/keys/bearer") => {
                let status = self.take(seen);
                if status != 204 {
                    self.refusals.push(status);
                }
                (status, String::new())
            }
            _ => (404, String::new()),
        }
    }

    fn take(&mut self, seen: &Seen) -> u16 {
        if seen.content_type != "application/jose" {
            return 400;
        }
        let Ok(pushed) = crate::envelope::opened(&seen.body) else { return 401 };
        if pushed.generation <= self.generation {
            return 409;
        }
        self.generation = pushed.generation;
        self.wanted = false;
        self.key_ids = pushed.key_ids;
        204
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks until there is an answer.
pub(crate) async fn eventually<T>(mut probe: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
    let start = SystemTime::now();
    loop {
        if let Some(answer) = probe() {
            return Ok(answer);
        }
        anyhow::ensure!(start.elapsed().unwrap_or_default() < PATIENCE, "waited in vain");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
