//! A stub of the Kubernetes API, as far as the controller uses it, and with the faults that the real
//! one has: for machines on which that is not built (`cargo xtask kube`).

mod answer;
mod path;
mod store;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use hyper::{Request, Response};
use registry_auth_harness::server::{Port, Server};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::admin::ADMIN;
use answer::{Answer, refusal};
use path::Target;
use store::Store;

/// How long a watch waits for a change before it ends; the client watches again then.
const WATCH: Duration = Duration::from_millis(300);
const PAUSE: Duration = Duration::from_millis(10);

/// The running stub.
pub(crate) struct Stub {
    server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    store: Store,
    faults: Vec<Planned>,
    requests: Vec<String>,
    longest: usize,
}

/// What goes wrong.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// A Status with this code, reason, and seconds to wait.
    Status(u16, &'static str, Option<u64>),
    /// This status and body.
    Body(u16, String),
    /// An answer after this time.
    Slow(Duration),
    /// No answer.
    Broken,
}

struct Planned {
    method: &'static str,
    part: String,
    left: usize,
    fault: Fault,
}

impl Stub {
    /// Starts it, empty.
    pub(crate) fn start() -> Result<Self> {
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let server = Port::bind()?.serve(move |request| respond(Arc::clone(&shared), request))?;
        Ok(Self { server, state })
    }

    /// Returns its URL.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// The next requests of this method whose target has this part fail.
    pub(crate) fn fail(&self, method: &'static str, part: &str, times: usize, fault: Fault) {
        lock(&self.state).faults.push(Planned {
            method,
            part: part.to_owned(),
            left: times,
            fault,
        });
    }

    /// Returns how many faults are still to come.
    pub(crate) fn faults_left(&self) -> usize {
        lock(&self.state).faults.iter().map(|one| one.left).sum()
    }

    /// Forgets what has changed: watches from before get 410 (Gone).
    pub(crate) fn compact(&self) {
        lock(&self.state).store.compact();
    }

    /// Returns the length of the longest answer to a request of the controller, in bytes.
    pub(crate) fn longest(&self) -> usize {
        lock(&self.state).longest
    }

    /// Returns the requests so far: method and target.
    pub(crate) fn requests(&self) -> Vec<String> {
        lock(&self.state).requests.clone()
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn respond(
    state: Arc<Mutex<State>>,
    request: Request<Incoming>,
) -> Option<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.ok()?.to_bytes();
    let method = head.method.as_str().to_owned();
    let target = head.uri.to_string();
    let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
    let fault = {
        let mut state = lock(&state);
        if header(ADMIN).is_some() {
            None
        } else {
            state.requests.push(format!("{method} {target}"));
            state.planned(&method, &target)
        }
    };
    match fault {
        Some(Fault::Broken) => return None,
        Some(Fault::Slow(time)) => sleep(time).await,
        Some(Fault::Body(status, body)) => return written(&Answer::text(status, body)),
        Some(Fault::Status(status, reason, seconds)) => {
            return written(&refusal(status, reason, "a fault of the test", seconds));
        }
        None => {}
    }
    let Some(target) = Target::read(&head.uri) else {
        return written(&refusal(404, "NotFound", "no such resource", None));
    };
    let accept = header(ACCEPT.as_str()).unwrap_or_default();
    let only_metadata = accept.contains("as=PartialObjectMetadata");
    let is_watch = target.query("watch").is_some();
    let is_list = accept.contains("as=PartialObjectMetadataList;");
    if method == "GET" && only_metadata && !is_watch && is_list == target.is_object() {
        return written(&refusal(406, "NotAcceptable", "another form", None));
    }
    if method == "GET" && is_watch {
        return written(&watch(&state, &target, only_metadata).await);
    }
    let body = serde_json::from_slice::<Value>(&body).unwrap_or_default();
    let kind = header(CONTENT_TYPE.as_str()).unwrap_or_default();
    let mut state = lock(&state);
    let answer = state.store.handle(&method, &target, kind, &body);
    let answer = answer.seen(only_metadata);
    if header(ADMIN).is_none() {
        state.longest = state.longest.max(answer.text.len());
    }
    written(&answer)
}

async fn watch(state: &Mutex<State>, target: &Target, only_metadata: bool) -> Answer {
    let deadline = Instant::now() + WATCH;
    loop {
        let events = lock(state).store.since(target);
        match events {
            Err(gone) => {
                let event = json!({"type": "ERROR", "object": gone.body()});
                return Answer::text(200, format!("{event}\n"));
            }
            Ok(events) if !events.is_empty() || Instant::now() > deadline => {
                let lines = events.into_iter().map(|(kind, object)| {
                    let object = Answer::object(200, &object).seen(only_metadata);
                    let event = json!({"type": kind, "object": object.body()});
                    format!("{}\n", answer::written(&event))
                });
                return Answer::text(200, lines.collect());
            }
            Ok(_) => sleep(PAUSE).await,
        }
    }
}

fn written(answer: &Answer) -> Option<Response<Full<Bytes>>> {
    let mut response = Response::builder()
        .status(answer.status)
        .header(CONTENT_TYPE, "application/json");
    if let Some(seconds) = answer.retry_after {
        response = response.header(RETRY_AFTER, seconds);
    }
    response.body(Full::from(answer.text.clone())).ok()
}

impl State {
    fn planned(&mut self, method: &str, target: &str) -> Option<Fault> {
        let mut faults = self.faults.iter_mut();
        let found = faults.find(|planned| {
            planned.left > 0 && planned.method == method && target.contains(&planned.part)
        })?;
        found.left -= 1;
        Some(found.fault.clone())
    }
}
