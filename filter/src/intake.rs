//! The intake role: checks pushed key sets and writes them to shared data. Described in
//! `host-shim/README.md`.

mod problem;
mod route;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use log::{info, warn};
use registry_auth_engine::keys::envelope::pieces::PiecesError;
use registry_auth_engine::keys::envelope::{
    self, EnvelopeError, MAX_ENVELOPE, PushKey, PushRequest, PushResponse,
};
use registry_auth_engine::keys::{KeySet, SigningKey};
use registry_auth_engine::reply::Reply;
use registry_auth_engine::time::UnixTime;

use self::problem::{HOST_FAILED, problem};
use self::route::{Method, Route};
use crate::clock;
use crate::gate::BodyGate;
use crate::host::{self, HostError};
use crate::metrics::{Counted, Metrics};
use crate::parked::BATCH;
use crate::pushed_store;

const UNPROVEN: &str = "the request does not prove the push key";
const NO_BODIES: &str = "this intake reads no request bodies (`intake.readRequestBodies`): send the envelope in header fields; is `registry-auth serve` older than the filter?";
const BOTH: &str = "an envelope in header fields and a body: send one of them";
const NO_BODY_CAME: &str = "no body came within 3 seconds; where the host hands over none while headers wait, as Istio's WasmPlugin does, set `intake.readRequestBodies` to false";

/// How long a body may make no progress. Less than the shim waits for an answer, so that it
/// learns why there is none.
const BODY_PATIENCE: Duration = Duration::from_secs(3);

/// The intake of one worker.
pub(crate) struct Intake {
    root: u32,
    key: PushKey,
    reads_bodies: bool,
    metrics: Metrics,
    parked: RefCell<HashMap<u32, Parked>>,
    /// It was logged that requests are not authentic, and none was authentic since.
    complained: Cell<bool>,
}

/// A request that is not done when a callback ends.
enum Parked {
    /// Its body is read; a part of it, or the head, came at that time.
    Reading(Rc<PushRequest>, UnixTime),
    /// The host did not take the reply.
    Unsent(Reply),
}

/// Why a pushed set is refused: status, reason, and the generation that is held, 0 if it was not
/// read.
type PushError = (u16, String, u64);

impl Intake {
    /// `reads_bodies` is false where the host hands over no request bodies while headers wait.
    pub(crate) fn new(root: u32, key: PushKey, reads_bodies: bool) -> Self {
        Self {
            root,
            key,
            reads_bodies,
            metrics: Metrics::default(),
            parked: RefCell::default(),
            complained: Cell::new(false),
        }
    }

    /// Handles the head of the effective context's request; `ended` when it has no body.
    pub(crate) fn headers(&self, context: u32, ended: bool) -> BodyGate {
        match self.read_head(context, ended) {
            Ok(Some(reply)) | Err(reply) => self.send(context, reply),
            Ok(None) => {}
        }
        BodyGate::Closed
    }

    /// Handles a part of the body of the effective context's request; `size` is what is there of
    /// it, or absent when trailers came, which the push protocol does not have.
    pub(crate) fn body(&self, context: u32, size: Option<usize>, ended: bool) -> BodyGate {
        let request = match self.parked.borrow_mut().get_mut(&context) {
            Some(Parked::Reading(request, progress)) => {
                // If the clock fails here, the body has a little less time.
                *progress = clock::now().unwrap_or(*progress);
                Rc::clone(request)
            }
            Some(Parked::Unsent(_)) | None => return BodyGate::Closed,
        };
        let reply = match size {
            Some(size) if size > MAX_ENVELOPE => {
                self.refuse(&request, 413, "the envelope is larger than 1 MiB")
            }
            Some(_) if !ended => return BodyGate::Closed,
            Some(size) => match host::request_body(size) {
                Ok(body) => self.take(&request, Ok(&body)),
                Err(_) => self.refuse(&request, 503, HOST_FAILED),
            },
            None => self.refuse(&request, 400, "trailers"),
        };
        self.parked.borrow_mut().remove(&context);
        self.send(context, reply);
        BodyGate::Closed
    }

    /// A tick of the host: forgets requests that are gone, gives up those whose bodies do not come,
    /// and sends replies that the host did not take before.
    pub(crate) fn tick(&self) {
        let parked: Vec<u32> = self.parked.borrow().keys().copied().collect();
        for context in parked
            .into_iter()
            .filter(|context| host::is_gone(*context, self.root))
        {
            self.parked.borrow_mut().remove(&context);
        }
        self.give_up();
        let is_unsent = |_: &u32, parked: &mut Parked| matches!(parked, Parked::Unsent(_));
        let unsent: Vec<_> = self
            .parked
            .borrow_mut()
            .extract_if(is_unsent)
            .take(BATCH)
            .collect();
        for (context, parked) in unsent {
            if let (Parked::Unsent(reply), Ok(())) = (&parked, host::become_request(context))
                && host::reply(reply).is_ok()
            {
                continue;
            }
            self.parked.borrow_mut().insert(context, parked);
        }
    }

    /// Replies, with the rest of the tick, to requests whose bodies made no progress.
    fn give_up(&self) {
        let is_reading = |parked: &Parked| matches!(parked, Parked::Reading(..));
        if !self.parked.borrow().values().any(is_reading) {
            return;
        }
        let Ok(now) = clock::now() else { return };
        for parked in self.parked.borrow_mut().values_mut() {
            if let Parked::Reading(request, progress) = parked
                && now.since(*progress) > BODY_PATIENCE
            {
                warn!("a push is refused: {NO_BODY_CAME}");
                *parked = Parked::Unsent(self.refuse(request, 408, NO_BODY_CAME));
            }
        }
    }

    /// Returns true if a request of this context is not done.
    pub(crate) fn holds(&self, context: u32) -> bool {
        self.parked.borrow().contains_key(&context)
    }

    /// Returns true if no request is parked.
    pub(crate) fn is_idle(&self) -> bool {
        self.parked.borrow().is_empty()
    }

    fn send(&self, context: u32, reply: Reply) {
        if host::reply(&reply).is_err() {
            self.parked
                .borrow_mut()
                .insert(context, Parked::Unsent(reply));
        }
    }

    /// Returns the reply, unless the body is needed for it.
    ///
    /// # Errors
    /// The reply to a request that is not for the intake, or not authentic.
    fn read_head(&self, context: u32, ended: bool) -> Result<Option<Reply>, Reply> {
        let route = Route::read()?;
        if route.method == Method::Other {
            return Err(problem(405, "only GET and PUT"));
        }
        let request = self.authenticate(&route)?;
        if route.method != Method::Put {
            return Ok(Some(self.tell(&request)));
        }
        let refused = |why: &str| Err((400, why.to_owned(), 0));
        let envelope = match (route.envelope(), ended) {
            (Ok(None), false) if self.reads_bodies => return self.park(context, request),
            (Ok(None), false) => refused(NO_BODIES),
            (Ok(Some(_)), false) => refused(BOTH),
            (Ok(envelope), true) => Ok(envelope.unwrap_or_default()),
            (Err(error), _) => Err((status_of_pieces(error), error.to_string(), 0)),
        };
        Ok(Some(
            self.take(&request, envelope.as_deref().map_err(Clone::clone)),
        ))
    }

    /// Waits for the body.
    ///
    /// # Errors
    /// The host has no clock.
    fn park(&self, context: u32, request: PushRequest) -> Result<Option<Reply>, Reply> {
        let now = clock::now().map_err(|_| self.refuse(&request, 503, HOST_FAILED))?;
        let parked = Parked::Reading(Rc::new(request), now);
        self.parked.borrow_mut().insert(context, parked);
        Ok(None)
    }

    /// Checks that a request comes from a holder of the push key. Everybody else learns nothing.
    ///
    /// # Errors
    /// The reply to a request that is not authentic.
    fn authenticate(&self, route: &Route) -> Result<PushRequest, Reply> {
        let now = clock::now().map_err(|_| problem(503, HOST_FAILED))?;
        let refuse = |why: &str| {
            self.complain(why);
            problem(401, why)
        };
        let text = route.credential().ok_or_else(|| refuse(UNPROVEN))?;
        let request = PushRequest::verify(text, &self.key, now)
            .map_err(|why| refuse(&format!("the request: {why}")))?;
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

    /// Logged once, because any client may send such requests in any number.
    fn complain(&self, why: &str) {
        self.metrics.increment_now(Counted::Plain("intake.refused"));
        if !self.complained.replace(true) {
            warn!("requests to the intake are refused: {why}");
        }
    }

    /// Answers what the intake holds of a set, and whether a filter wants a newer one.
    fn tell(&self, request: &PushRequest) -> Reply {
        let stored = clock::now().and_then(|now| self.generation_of(&request.set, now));
        let Ok(generation) = stored.map(|(generation, _)| generation) else {
            return self.refuse(request, 503, HOST_FAILED);
        };
        let wanted =
            pushed_store::wanted_beyond(&request.set).is_some_and(|held| held >= generation);
        self.respond(request, 200, generation, wanted, None)
    }

    /// Stores the envelope of a push, or replies why there is none that can be read.
    fn take(&self, request: &PushRequest, envelope: Result<&[u8], PushError>) -> Reply {
        match envelope.and_then(|envelope| self.check_and_store(request, envelope)) {
            Ok(generation) => self.respond(request, 200, generation, false, None),
            Err((status, why, held)) => {
                self.metrics.increment_now(Counted::Plain("intake.refused"));
                warn!("a pushed key set is refused: {why}");
                self.respond(request, status, held, false, Some(&why))
            }
        }
    }

    fn check_and_store(&self, request: &PushRequest, body: &[u8]) -> Result<u64, PushError> {
        let host_failed = |_| (503, HOST_FAILED.to_owned(), 0);
        let refused = |status, why: &str| (status, why.to_owned(), 0);
        let now = clock::now().map_err(host_failed)?;
        let pushed = envelope::open(body, &self.key, now)
            .map_err(|error| refused(status_of(error), &error.to_string()))?;
        if pushed.set != request.set || Some(pushed.generation) != request.generation {
            return Err(refused(
                400,
                "the envelope is another than the request says",
            ));
        }
        let count = if pushed.is_signing() {
            SigningKey::from_jwks_value(&pushed.keys).map(|(_, public)| public.len())
        } else {
            KeySet::from_jwks_value(&pushed.keys).map(|loaded| loaded.keys.len())
        };
        let count = count.map_err(|error| refused(400, &error.to_string()))?;
        // If what is held cannot be read, nothing is replaced.
        let (held, version) = self.generation_of(&pushed.set, now).map_err(host_failed)?;
        if pushed.generation <= held {
            return Err((
                409,
                "the set is not newer than the one that is held".to_owned(),
                held,
            ));
        }
        pushed_store::store(&pushed.set, body, version).map_err(|_| {
            (
                409,
                "another set was written at the same time".to_owned(),
                held,
            )
        })?;
        self.metrics
            .increment_now(Counted::Plain("intake.accepted"));
        info!("took a set of {count} keys");
        Ok(pushed.generation)
    }

    /// Returns the generation of the set that is held, 0 for none, and the version of its entry in
    /// shared data.
    fn generation_of(&self, set: &str, now: UnixTime) -> Result<(u64, Option<u32>), HostError> {
        let stored = pushed_store::load(set, &self.key, now)?;
        let generation = stored
            .as_ref()
            .and_then(|stored| stored.keys.as_ref().ok())
            .map_or(0, |keys| keys.generation);
        Ok((generation, stored.map(|stored| stored.version)))
    }

    fn refuse(&self, request: &PushRequest, status: u16, why: &str) -> Reply {
        self.respond(request, status, 0, false, Some(why))
    }

    fn respond(
        &self,
        request: &PushRequest,
        status: u16,
        generation: u64,
        wanted: bool,
        error: Option<&str>,
    ) -> Reply {
        let response = PushResponse {
            status,
            generation,
            wanted,
            reads_bodies: self.reads_bodies,
            error: error.map(str::to_owned),
        };
        let headers = vec![("content-type", "application/jose".to_owned())];
        Reply {
            status,
            headers,
            body: response.sign(request, &self.key).into_bytes(),
        }
    }
}

const fn status_of_pieces(error: PiecesError) -> u16 {
    match error {
        PiecesError::TooLarge => 413,
        _ => 400,
    }
}

const fn status_of(error: EnvelopeError) -> u16 {
    match error {
        EnvelopeError::TooLarge => 413,
        EnvelopeError::Malformed
        | EnvelopeError::Version
        | EnvelopeError::Ahead
        | EnvelopeError::TooLong => 400,
        EnvelopeError::Mac => 401,
        EnvelopeError::Expired => 410,
    }
}
