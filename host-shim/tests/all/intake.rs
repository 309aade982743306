//! An intake for tests, which accepts envelopes as the filter does.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use anyhow::Context;
use percent_encoding::percent_decode_str;
use registry_auth_engine::keys::envelope::{PushKey, PushRequest, PushResponse, pieces};
use registry_auth_engine::time::UnixTime;
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinHandle;

use crate::http::{self, Answer, Listener, ReceivedRequest};

/// The push key of intake and shim.
pub(crate) const PUSH_KEY: &str = "only-for-tests-0123456789abcdefgh";

/// Time limit for whatever a test waits for, generous enough for a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// Returns the name that tests use for a set: the kind alone for the set of a secret.
fn key_of(name: &str) -> &str {
    let (kind, _) = name.split_once(':').unwrap_or((name, ""));
    if kind == "oidc" { name } else { kind }
}

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
    reads_no_bodies: bool,
    pieces: usize,
    refusals: Vec<u16>,
}

#[derive(Default)]
struct Set {
    /// The full name of the set.
    name: String,
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

    /// Listens on an address.
    pub(crate) async fn at(address: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        Ok(Self::over(
            Listener::Tcp(listener),
            format!("http://{address}"),
        ))
    }

    /// Listens on a TCP port that other sockets can listen on too, as Envoy does by default.
    pub(crate) fn shared(port: u16) -> anyhow::Result<Self> {
        let listener = http::shared(port)?;
        let url = format!("http://{}", listener.local_addr()?);
        Ok(Self::over(Listener::Tcp(listener), url))
    }

    /// Listens on a Unix socket, and replaces the file of an earlier intake.
    pub(crate) fn unix(path: &PathBuf) -> anyhow::Result<Self> {
        if path.exists() {
            std::fs::remove_file(path)?;
        }
        Ok(Self::over(
            Listener::Unix(UnixListener::bind(path)?),
            format!("unix:{}", path.display()),
        ))
    }

    fn over(listener: Listener, url: String) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        let task = http::serve(listener, Arc::new(move |seen| lock(&shared).answer(&seen)));
        Self { url, state, task }
    }

    /// Returns the value for `--envoy`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Reports from now on that a filter has received a token with an unknown key id.
    pub(crate) fn want(&self) {
        self.want_in("secret");
    }

    /// The same of another set.
    pub(crate) fn want_in(&self, set: &str) {
        lock(&self.state).set(set).wanted = true;
    }

    /// Holds a set of that generation without keys, as another shim might have pushed it; 0 forgets
    /// everything.
    pub(crate) fn hold(&self, generation: u64) {
        let mut state = lock(&self.state);
        let set = state.set("secret");
        *set = Set {
            generation,
            name: std::mem::take(&mut set.name),
            ..Set::default()
        };
    }

    /// Reports from now on that nothing is held, or again the truth: as if another shim pushed
    /// between a query and a push.
    pub(crate) fn lags(&self, lags: bool) {
        lock(&self.state).lags = lags;
    }

    /// Reads no request bodies from now on: a push with one is refused.
    pub(crate) fn reads_no_bodies(&self) {
        lock(&self.state).reads_no_bodies = true;
    }

    /// Returns the number of pieces of the last push in header fields.
    pub(crate) fn pieces(&self) -> usize {
        lock(&self.state).pieces
    }

    /// Returns the generation that is held.
    pub(crate) fn generation(&self) -> u64 {
        self.generation_of("secret")
    }

    /// The same of another set.
    pub(crate) fn generation_of(&self, set: &str) -> u64 {
        lock(&self.state).set(set).generation
    }

    /// Returns the names of all sets in requests so far.
    pub(crate) fn names(&self) -> Vec<String> {
        lock(&self.state)
            .sets
            .values()
            .map(|set| set.name.clone())
            .collect()
    }

    /// Returns the statuses of refused pushes.
    pub(crate) fn refusals(&self) -> Vec<u16> {
        lock(&self.state).refusals.clone()
    }

    /// Waits until exactly the keys `expected` are held, in the order of their names.
    pub(crate) async fn holds(&self, expected: &[&str]) -> anyhow::Result<()> {
        self.holds_in("secret", expected).await
    }

    /// The same of another set.
    pub(crate) async fn holds_in(&self, set: &str, expected: &[&str]) -> anyhow::Result<()> {
        let held = || {
            lock(&self.state)
                .sets
                .get(set)
                .map(|set| set.key_ids.clone())
                .unwrap_or_default()
        };
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
    fn answer(&mut self, seen: &ReceivedRequest) -> Answer {
        let Some(request) = proven(seen) else {
            self.refusals.push(401);
            return (401, String::new()).into();
        };
        let name = request.set.clone();
        let (lags, reads_bodies, set) = (
            self.lags,
            !self.reads_no_bodies,
            self.sets.entry(key_of(&name).to_owned()).or_default(),
        );
        set.name.clone_from(&name);
        let (status, generation) = match (seen.method.as_str(), request.generation) {
            ("GET", None) => (200, if lags { 0 } else { set.generation }),
            ("PUT", Some(generation)) => {
                let status = set.take(&name, generation, seen, reads_bodies);
                self.pieces = seen.pieces.len();
                if status != 200 {
                    self.refusals.push(status);
                }
                (status, set.generation)
            }
            _ => return (404, String::new()).into(),
        };
        let error = (status != 200).then(|| "refused by a test".to_owned());
        respond(
            &request,
            &PushResponse {
                status,
                generation,
                wanted: set.wanted,
                reads_bodies,
                error,
            },
        )
    }

    fn set(&mut self, name: &str) -> &mut Set {
        self.sets.entry(name.to_owned()).or_default()
    }
}

impl Set {
    fn take(
        &mut self,
        name: &str,
        generation: u64,
        seen: &ReceivedRequest,
        reads_bodies: bool,
    ) -> u16 {
        let fields = pieces::join(seen.pieces.iter().map(Vec::as_slice));
        // The shim sends pieces to those that read no bodies, and nobody else.
        let envelope = match fields {
            Ok(None) if reads_bodies => &*seen.body,
            Ok(Some(ref envelope)) if !reads_bodies && seen.body.is_empty() => envelope,
            _ => return 400,
        };
        if seen.content_type != "application/jose" {
            return 400;
        }
        let Ok(pushed) = crate::envelope::opened(envelope) else {
            return 401;
        };
        if (pushed.set.as_str(), pushed.generation) != (name, generation) {
            return 400;
        }
        if pushed.generation <= self.generation {
            return 409;
        }
        self.generation = pushed.generation;
        self.wanted = false;
        self.key_ids = pushed.key_ids;
        200
    }
}

/// Returns the verified credential of a request, if it proves the push key and names the set in the
/// path.
pub(crate) fn proven(seen: &ReceivedRequest) -> Option<PushRequest> {
    let text = seen.authorization.strip_prefix("Bearer ")?;
    let request = PushRequest::verify(text.as_bytes(), &push_key()?, now()).ok()?;
    let name = seen
        .path
        .strip_prefix("/keys/v2/")
        .filter(|name| !name.contains('/'))?;
    (percent_decode_str(name).decode_utf8().ok()? == request.set).then_some(request)
}

/// Returns a response that proves the push key.
pub(crate) fn respond(request: &PushRequest, response: &PushResponse) -> Answer {
    (
        response.status,
        push_key()
            .map(|key| response.sign(request, &key))
            .unwrap_or_default(),
    )
        .into()
}

fn push_key() -> Option<PushKey> {
    PushKey::new(PUSH_KEY.as_bytes()).ok()
}

/// Returns the current time.
pub(crate) fn now() -> UnixTime {
    let since = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    UnixTime::from_millis(since.as_millis().try_into().unwrap_or(i64::MAX))
}

/// Returns the generation of a set created in this many milliseconds from now.
pub(crate) fn generation_in(millis: i64) -> u64 {
    u64::try_from(now().millis() + millis).unwrap_or_default()
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Polls until there is a value.
pub(crate) async fn eventually<T>(mut probe: impl FnMut() -> Option<T>) -> anyhow::Result<T> {
    let start = SystemTime::now();
    loop {
        if let Some(answer) = probe() {
            return Ok(answer);
        }
        anyhow::ensure!(start.elapsed().unwrap_or_default() < PATIENCE, "timed out");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
