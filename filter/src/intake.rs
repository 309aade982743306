//! The intake role: checks pushed key sets and writes them to shared data. Described in `host-shim/README.md`.

use std::rc::Rc;

use log::{info, warn};
use percent_encoding::percent_decode;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;
use registry_auth::authn::keys::{KeySet, SigningKey};
use registry_auth::envelope::{self, EnvelopeError, MAX_ENVELOPE, PushKey};
use registry_auth::reply::Reply;
use serde_json::{Value, json};

use crate::held::Held;
use crate::host;
use crate::metrics::Metrics;
use crate::shared;

const PREFIX: &[u8] = b"/v1/keys/";

const HOST_FAILED: &str = "the host failed";

/// The longest name of a set, in bytes.
const MAX_NAME: usize = 512;

/// The intake of one worker.
pub(crate) struct Intake {
    key: PushKey,
    metrics: Metrics,
    held: Held,
}

impl Intake {
    pub(crate) fn new(key: PushKey) -> Self {
        Self { key, metrics: Metrics::default(), held: Held::default() }
    }

    /// A tick of the host: sends the answers that it did not take before.
    pub(crate) fn tick(&self) {
        self.held.release(None);
    }

    /// What the intake holds of a set, and whether a filter wants a newer one.
    fn tell(&self, set: &str) -> Reply {
        let Ok(stored) = host::now().and_then(|now| shared::load(set, &self.key, now)) else {
            return problem(503, HOST_FAILED);
        };
        let stored = stored.and_then(|stored| stored.keys.ok());
        let generation = stored.map_or(0, |keys| keys.generation);
        let wanted = shared::wanted_beyond(set).is_some_and(|held| held >= generation);
        answer(200, &json!({ "set": set, "generation": generation, "wanted": wanted }))
    }

    fn take(&self, set: &str, body: &[u8]) -> Reply {
        match self.check_and_store(set, body) {
            Ok(()) => Reply { status: 204, headers: Vec::new(), body: Vec::new() },
            Err((status, why)) => {
                self.metrics.count("intake.refused");
                warn!("a pushed key set is refused: {why}");
                problem(status, &why)
            }
        }
    }

    fn check_and_store(&self, set: &str, body: &[u8]) -> Result<(), (u16, String)> {
        let host_failed = |_| (503, HOST_FAILED.to_owned());
        let now = host::now().map_err(host_failed)?;
        let pushed = envelope::open(body, &self.key, now).map_err(|error| (status_of(error), error.to_string()))?;
        if pushed.set != set {
            return Err((400, "the envelope is for another set than the path".to_owned()));
        }
        let count = if pushed.is_signing() {
            SigningKey::from_jwks_value(&pushed.keys).map(|(_, public)| public.len())
        } else {
            KeySet::from_jwks_value(&pushed.keys).map(|loaded| loaded.keys.len())
        };
        let count = count.map_err(|error| (400, error.to_string()))?;
        // Only where it is known that nothing newer is held.
        let stored = shared::load(set, &self.key, now).map_err(host_failed)?;
        let held = stored.as_ref().and_then(|stored| stored.keys.as_ref().ok()).map_or(0, |keys| keys.generation);
        if pushed.generation <= held {
            return Err((409, format!("the set is not newer: generation {held} is held")));
        }
        shared::store(set, body, stored.map(|stored| stored.version))
            .map_err(|_| (409, "another set was written at the same time".to_owned()))?;
        self.metrics.count("intake.accepted");
        info!("took a set of {count} keys");
        Ok(())
    }
}

/// One request to the intake.
pub(crate) struct IntakeRequest {
    id: u32,
    intake: Rc<Intake>,
    set: Option<String>,
}

impl IntakeRequest {
    pub(crate) const fn new(id: u32, intake: Rc<Intake>) -> Self {
        Self { id, intake, set: None }
    }

    fn send(&self, reply: Reply) {
        self.intake.held.send(self.id, reply);
    }
}

impl Context for IntakeRequest {}

impl Drop for IntakeRequest {
    fn drop(&mut self) {
        self.intake.held.forget(self.id);
    }
}

impl HttpContext for IntakeRequest {
    fn on_http_request_headers(&mut self, _: usize, end_of_stream: bool) -> Action {
        let reply = match (route(), end_of_stream) {
            (Some((Method::Get, set)), _) => self.intake.tell(&set),
            (Some((Method::Put, set)), true) => self.intake.take(&set, b""),
            (Some((Method::Put, set)), false) => {
                // The body comes to the body callback; the answer is made there.
                self.set = Some(set);
                return Action::Pause;
            }
            (Some((Method::Other, _)), _) => problem(405, "only GET and PUT"),
            (None, _) => problem(404, "only /v1/keys/SET"),
        };
        self.send(reply);
        Action::Pause
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        let Some(set) = &self.set else { return Action::Pause };
        if size > MAX_ENVELOPE {
            self.send(problem(413, "the envelope is larger than 1 MiB"));
            self.set = None;
        } else if end_of_stream {
            let reply = match host::request_body(size) {
                Ok(body) => self.intake.take(set, &body),
                Err(_) => problem(503, HOST_FAILED),
            };
            self.send(reply);
            self.set = None;
        }
        Action::Pause
    }
}

enum Method {
    Get,
    Put,
    Other,
}

fn route() -> Option<(Method, String)> {
    let headers = host::request_headers().ok()?;
    let path = headers.first(":path")?.strip_prefix(PREFIX)?;
    let set = percent_decode(path).decode_utf8().ok()?.into_owned();
    let method = match headers.first(":method")? {
        b"GET" => Method::Get,
        b"PUT" => Method::Put,
        _ => Method::Other,
    };
    (!set.is_empty() && set.len() <= MAX_NAME && !path.contains(&b'?')).then_some((method, set))
}

const fn status_of(error: EnvelopeError) -> u16 {
    match error {
        EnvelopeError::TooLarge => 413,
        EnvelopeError::Malformed | EnvelopeError::Version => 400,
        EnvelopeError::Mac => 401,
        EnvelopeError::Expired => 410,
    }
}

fn problem(status: u16, why: &str) -> Reply {
    answer(status, &json!({ "error": why }))
}

fn answer(status: u16, body: &Value) -> Reply {
    let headers = vec![("content-type", "application/json".to_owned())];
    Reply { status, headers, body: body.to_string().into_bytes() }
}
