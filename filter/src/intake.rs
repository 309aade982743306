//! The intake role: checks pushed key sets and writes them to shared data. Described in `host-shim/README.md`.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use log::{info, warn};
use percent_encoding::percent_decode;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use registry_auth::authn::keys::{KeySet, SigningKey};
use registry_auth::envelope::{self, EnvelopeError, MAX_ENVELOPE, MAX_NAME, PushKey, PushRequest, PushResponse};
use registry_auth::reply::Reply;
use registry_auth::time::UnixTime;
use serde_json::json;

use crate::clock;
use crate::host::{self, HostError};
use crate::metrics::Metrics;
use crate::parked::BATCH;
use crate::pushed_store;

const PREFIX: &[u8] = b"/keys/v2/";
/// Where version 1 of the protocol was spoken.
const FORMER_PREFIX: &[u8] = b"/v1/keys/";

const HOST_FAILED: &str = "the host failed";
const FORMER: &str = "version 1 of the push protocol is not spoken here, only version 2: update `registry-auth serve`";
const UNPROVEN: &str = "the request does not prove the push key";

/// The intake of one worker.
pub(crate) struct Intake {
    key: PushKey,
    metrics: Metrics,
    unsent: Unsent,
    /// The log has it that requests are refused unheard, and none was heard since.
    complained: Cell<bool>,
}

/// Replies that the host did not take.
#[derive(Default)]
struct Unsent(RefCell<HashMap<u32, Reply>>);

impl Unsent {
    fn send_to_effective(&self, context: u32, reply: Reply) {
        if host::reply(&reply).is_err() {
            self.0.borrow_mut().insert(context, reply);
        }
    }

    /// Sends up to [`BATCH`] of them.
    fn send(&self) {
        let contexts: Vec<u32> = self.0.borrow().keys().copied().take(BATCH).collect();
        for context in contexts {
            let Some(reply) = self.0.borrow_mut().remove(&context) else { continue };
            if host::become_request(context).is_ok() {
                self.send_to_effective(context, reply);
            } else {
                self.0.borrow_mut().insert(context, reply);
            }
        }
    }

    fn forget(&self, context: u32) {
        self.0.borrow_mut().remove(&context);
    }
}

/// Why a pushed set is not taken: status, reason, and the generation that is held if that was looked up.
type Refusal = (u16, String, u64);

impl Intake {
    pub(crate) fn new(key: PushKey) -> Self {
        Self { key, metrics: Metrics::default(), unsent: Unsent::default(), complained: Cell::new(false) }
    }

    /// A tick of the host: sends the answers that it did not take before.
    pub(crate) fn tick(&self) {
        self.unsent.send();
    }

    /// Finds out whether a request comes from somebody who has the push key. Anybody else learns nothing.
    ///
    /// # Errors
    /// What is answered.
    fn authenticate(&self, route: &Route) -> Result<PushRequest, Reply> {
        let now = clock::now().map_err(|_| problem(503, HOST_FAILED))?;
        let refuse = |why: &str| {
            self.complain(why);
            problem(401, why)
        };
        let text = route.authorization.as_deref().ok_or_else(|| refuse(UNPROVEN))?;
        let request =
            PushRequest::verify(text, &self.key, now).map_err(|why| refuse(&format!("the request: {why}")))?;
        let asks = match route.method {
            Method::Get => request.generation.is_none(),
            Method::Put => request.generation.is_some(),
            Method::Other => false,
        };
        if !asks || request.set != route.set {
            return Err(refuse(UNPROVEN));
        }
        self.complained.set(false);
        Ok(request)
    }

    /// Strangers may ask as often as they like, so that the log says it once.
    fn complain(&self, why: &str) {
        self.metrics.increment_now("intake.refused");
        if !self.complained.replace(true) {
            warn!("requests to the intake are refused: {why}");
        }
    }

    /// What the intake holds of a set, and whether a filter wants a newer one.
    fn tell(&self, request: &PushRequest) -> Reply {
        let stored = clock::now().and_then(|now| self.generation_of(&request.set, now));
        let Ok(generation) = stored.map(|(generation, _)| generation) else {
            return self.respond(request, 503, 0, false, Some(HOST_FAILED));
        };
        let wanted = pushed_store::wanted_beyond(&request.set).is_some_and(|held| held >= generation);
        self.respond(request, 200, generation, wanted, None)
    }

    fn take(&self, request: &PushRequest, body: &[u8]) -> Reply {
        match self.check_and_store(request, body) {
            Ok(generation) => self.respond(request, 200, generation, false, None),
            Err((status, why, held)) => {
                self.metrics.increment_now("intake.refused");
                warn!("a pushed key set is refused: {why}");
                self.respond(request, status, held, false, Some(&why))
            }
        }
    }

    fn check_and_store(&self, request: &PushRequest, body: &[u8]) -> Result<u64, Refusal> {
        let host_failed = |_| (503, HOST_FAILED.to_owned(), 0);
        let refused = |status, why: &str| (status, why.to_owned(), 0);
        let now = clock::now().map_err(host_failed)?;
        let pushed =
            envelope::open(body, &self.key, now).map_err(|error| refused(status_of(error), &error.to_string()))?;
        if pushed.set != request.set || Some(pushed.generation) != request.generation {
            return Err(refused(400, "the envelope is another than the request says"));
        }
        let count = if pushed.is_signing() {
            SigningKey::from_jwks_value(&pushed.keys).map(|(_, public)| public.len())
        } else {
            KeySet::from_jwks_value(&pushed.keys).map(|loaded| loaded.keys.len())
        };
        let count = count.map_err(|error| refused(400, &error.to_string()))?;
        // Only where it is known that nothing newer is held.
        let (held, version) = self.generation_of(&pushed.set, now).map_err(host_failed)?;
        if pushed.generation <= held {
            return Err((409, "the set is not newer than the one that is held".to_owned(), held));
        }
        pushed_store::store(&pushed.set, body, version)
            .map_err(|_| (409, "another set was written at the same time".to_owned(), held))?;
        self.metrics.increment_now("intake.accepted");
        info!("took a set of {count} keys");
        Ok(pushed.generation)
    }

    /// The generation of the set that is held, 0 for none, and the version of what stands in shared data.
    fn generation_of(&self, set: &str, now: UnixTime) -> Result<(u64, Option<u32>), HostError> {
        let stored = pushed_store::load(set, &self.key, now)?;
        let generation = stored.as_ref().and_then(|stored| stored.keys.as_ref().ok()).map_or(0, |keys| keys.generation);
        Ok((generation, stored.map(|stored| stored.version)))
    }

    fn respond(&self, request: &PushRequest, status: u16, generation: u64, wanted: bool, error: Option<&str>) -> Reply {
        let response = PushResponse { status, generation, wanted, error: error.map(str::to_owned) };
        let headers = vec![("content-type", "application/jose".to_owned())];
        Reply { status, headers, body: response.sign(request, &self.key).into_bytes() }
    }
}

/// One request to the intake.
pub(crate) struct IntakeRequest {
    id: u32,
    intake: Rc<Intake>,
    /// What is pushed, until its body has come.
    pushed: Option<PushRequest>,
}

impl IntakeRequest {
    pub(crate) const fn new(id: u32, intake: Rc<Intake>) -> Self {
        Self { id, intake, pushed: None }
    }

    /// The answer, if it does not depend on a body.
    fn answer(&mut self, end_of_stream: bool) -> Option<Reply> {
        let route = match route() {
            Ok(route) => route,
            Err(reply) => return Some(reply),
        };
        if route.method == Method::Other {
            return Some(problem(405, "only GET and PUT"));
        }
        let request = match self.intake.authenticate(&route) {
            Ok(request) => request,
            Err(reply) => return Some(reply),
        };
        match (route.method, end_of_stream) {
            (Method::Put, false) => {
                self.pushed = Some(request);
                None
            }
            (Method::Put, true) => Some(self.intake.take(&request, b"")),
            (Method::Get | Method::Other, _) => Some(self.intake.tell(&request)),
        }
    }

    fn send(&self, reply: Reply) {
        self.intake.unsent.send_to_effective(self.id, reply);
    }
}

impl Context for IntakeRequest {}

impl Drop for IntakeRequest {
    fn drop(&mut self) {
        self.intake.unsent.forget(self.id);
    }
}

impl HttpContext for IntakeRequest {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        if let Some(reply) = self.answer(end_of_stream) {
            self.send(reply);
        }
        Action::Pause
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        let Some(request) = &self.pushed else { return Action::Pause };
        if size > MAX_ENVELOPE {
            self.send(self.intake.respond(request, 413, 0, false, Some("the envelope is larger than 1 MiB")));
            self.pushed = None;
        } else if end_of_stream {
            let reply = match host::request_body(size) {
                Ok(body) => self.intake.take(request, &body),
                Err(_) => self.intake.respond(request, 503, 0, false, Some(HOST_FAILED)),
            };
            self.send(reply);
            self.pushed = None;
        }
        Action::Pause
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Get,
    Put,
    Other,
}

/// What the head of a request asks for.
struct Route {
    method: Method,
    set: String,
    /// The credential of the scheme `Bearer`.
    authorization: Option<Vec<u8>>,
}

/// Reads the head.
///
/// # Errors
/// What is answered.
fn route() -> Result<Route, Reply> {
    let unknown = || problem(404, "only /keys/v2/SET");
    let headers = host::request_headers().map_err(|_| problem(503, HOST_FAILED))?;
    let path = headers.first(":path").ok_or_else(unknown)?;
    if path.starts_with(FORMER_PREFIX) {
        return Err(problem(501, FORMER));
    }
    let path = path.strip_prefix(PREFIX).filter(|path| !path.contains(&b'?')).ok_or_else(unknown)?;
    let set = percent_decode(path).decode_utf8().map_err(|_| unknown())?.into_owned();
    if set.is_empty() || set.len() > MAX_NAME {
        return Err(unknown());
    }
    let method = match headers.first(":method") {
        Some(b"GET") => Method::Get,
        Some(b"PUT") => Method::Put,
        _ => Method::Other,
    };
    let authorization = headers.first("authorization").and_then(|value| value.strip_prefix(b"Bearer "));
    Ok(Route { method, set, authorization: authorization.map(<[u8]>::to_vec) })
}

const fn status_of(error: EnvelopeError) -> u16 {
    match error {
        EnvelopeError::TooLarge => 413,
        EnvelopeError::Malformed | EnvelopeError::Version | EnvelopeError::Ahead | EnvelopeError::TooLong => 400,
        EnvelopeError::Mac => 401,
        EnvelopeError::Expired => 410,
    }
}

/// An answer to somebody who may be anybody: nothing in it is to be believed.
fn problem(status: u16, why: &str) -> Reply {
    let headers = vec![("content-type", "application/json".to_owned())];
    Reply { status, headers, body: json!({ "error": why }).to_string().into_bytes() }
}
