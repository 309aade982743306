//! An intake of our own: takes envelopes as the filter does.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use percent_encoding::percent_decode_str;
use serde_json::json;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;

use crate::http::{self, Listener, Seen};

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
    sets: BTreeMap<String, Set>,
    lags: bool,
    refusals: Vec<u16>,
}

#[derive(Default)]
struct Set {
    generation: u64,
    wanted: bool,
    key_ids: Vec<String>,
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
        let task = http::serve(listener, Arc::new(move |seen| lock(&shared).answer(&seen).into()));
        Self { url, state, task }
    }

    /// What `--envoy` is given.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Says from now on that a filter met an unknown key id.
    pub(crate) fn want(&self) {
        self.want_in("bearer");
    }

    /// The same of another set.
    pub(crate) fn want_in(&self, set: &str) {
        lock(&self.state).set(set).wanted = true;
    }

    /// Holds a set of that generation without keys, as another shim might have pushed it; 0 forgets everything.
    pub(crate) fn hold(&self, generation: u64) {
        *lock(&self.state).set("bearer") = Set { generation, ..Set::default() };
    }

    /// Says from now on that nothing is held, or the truth: as if another shim's push fell between a question and a push.
    pub(crate) fn lags(&self, lags: bool) {
        lock(&self.state).lags = lags;
    }

    /// The generation that is held.
    pub(crate) fn generation(&self) -> u64 {
        self.generation_of("bearer")
    }

    /// The same of another set.
    pub(crate) fn generation_of(&self, set: &str) -> u64 {
        lock(&self.state).set(set).generation
    }

    /// The statuses of refused pushes.
    pub(crate) fn refusals(&self) -> Vec<u16> {
        lock(&self.state).refusals.clone()
    }

    /// Waits until exactly the keys `expected` are held, in the order of their names.
    pub(crate) async fn holds(&self, expected: &[&str]) -> anyhow::Result<()> {
        self.holds_in("bearer", expected).await
    }

    /// The same of another set.
    pub(crate) async fn holds_in(&self, set: &str, expected: &[&str]) -> anyhow::Result<()> {
        let held = || lock(&self.state).sets.get(set).map(|set| set.key_ids.clone()).unwrap_or_default();
        let arrived = eventually(|| (held() == expected).then_some(())).await;
        arrived.with_context(|| format!("{expected:?} never came, held: {:?}", held()))
    }
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    fn answer(&mut self, seen: &Seen) -> (u16, String) {
        let name = seen.path.strip_prefix("/v1/keys/").filter(|name| !name.contains('/'));
        let Some(Ok(name)) = name.map(|name| percent_decode_str(name).decode_utf8()) else {
            return (404, String::new());
        };
        let (name, lags) = (&*name, self.lags);
        let set = self.sets.entry(name.to_owned()).or_default();
        match seen.method.as_str() {
            "GET" => {
                let generation = if lags { 0 } else { set.generation };
                (200, json!({"set": name, "generation": generation, "wanted": set.wanted}).to_string())
            }
            "PUT" => {
                let status = set.take(name, seen);
                if status != 204 {
                    self.refusals.push(status);
                }
                (status, String::new())
            }
            _ => (404, String::new()),
        }
    }

    fn set(&mut self, name: &str) -> &mut Set {
        self.sets.entry(name.to_owned()).or_default()
    }
}

impl Set {
    fn take(&mut self, name: &str, seen: &Seen) -> u16 {
        if seen.content_type != "application/jose" {
            return 400;
        }
        let Ok(pushed) = crate::envelope::opened(&seen.body) else { return 401 };
        if pushed.set != name {
            return 400;
        }
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
