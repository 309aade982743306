//! The filter of one worker: an engine, the keys it holds, the requests that wait.

mod turn;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use log::warn;
use registry_auth::authn::cache::IdentityCache;
use registry_auth::authn::key_cache::{Lack, ShareKey, Wanted};
use registry_auth::config::{Compiled, Upstream};
use registry_auth::decision::{Denial, Grant, Missing, Need, Verdict};
use registry_auth::engine::Engine;
use registry_auth::envelope::PushKey;
use registry_auth::facts::{Facts, Gathered, KeysAnswer, MAX_BODY, RequestBody};
use registry_auth::question::Question;
use registry_auth::reason::Reason;
use registry_auth::time::UnixTime;

use crate::clock;
use crate::enforce::{self, Enforcer};
use crate::head::Head;
use crate::held::Held;
use crate::host::{self, HostError};
use crate::keys::{KeyStore, ReadySources};
use crate::tick::Ticker;
use crate::verifier::HostVerifier;
use crate::waiting::{Awaits, Pending, Waiting};

/// Logged once, at the first request that shows it.
const NO_ADDRESS: &str = "a request came without x-forwarded-for, so the proxy does not set the client's address and conditions on `req.client` grant nothing: in Envoy, set `use_remote_address: true` and leave `skip_xff_append` off";

/// What one plugin configuration is on one worker. Requests share it; no borrow is held over a host call that can call back.
pub(crate) struct Filter {
    root: u32,
    engine: Engine,
    enforcer: Enforcer,
    /// The registry, for questions of the filter itself.
    upstream: Option<Upstream>,
    /// The host hands bodies over while headers wait.
    reads_bodies: bool,
    verifier: HostVerifier,
    keys: RefCell<KeyStore>,
    identities: RefCell<IdentityCache>,
    waiting: RefCell<Waiting>,
    held: Held,
    /// What is to be decided on the host's next tick.
    settled: RefCell<ReadySources>,
    /// Requests that are granted, and that the host did not let go on.
    granted: RefCell<Vec<u32>>,
    /// When the root context had its last turn.
    last_turn: Cell<UnixTime>,
    ticker: Ticker,
    /// It was logged that the proxy does not tell the client's address.
    warned_of_address: Cell<bool>,
}

/// What the client's request comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The head is ready for the upstream.
    Granted,
    /// It was answered here, or will be.
    Answered,
}

/// What became of a request.
pub(crate) enum Progress {
    /// It was let through or answered.
    Decided(Outcome),
    /// It waits.
    Waits {
        /// The root context has to take its turn: there is something to fetch.
        turn: bool,
        /// Is set when the request is granted.
        granted: Rc<Cell<bool>>,
    },
    /// Its body is needed.
    ReadsBody,
}

impl Filter {
    /// A filter without keys, besides those of the configuration.
    pub(crate) fn new(
        root: u32,
        compiled: Compiled,
        push_key: Option<PushKey>,
        share_key: Option<&ShareKey>,
        upstream_authorization: Option<String>,
    ) -> Self {
        Self {
            root,
            keys: RefCell::new(KeyStore::new(compiled.engine.sources(), push_key, share_key)),
            enforcer: Enforcer::new(compiled.proxy.head, upstream_authorization, compiled.engine.realm().clone()),
            engine: compiled.engine,
            upstream: compiled.proxy.upstream,
            reads_bodies: compiled.proxy.read_request_bodies,
            verifier: HostVerifier::prove(),
            identities: RefCell::default(),
            waiting: RefCell::default(),
            held: Held::new(compiled.fail_delay),
            settled: RefCell::default(),
            granted: RefCell::default(),
            last_turn: Cell::new(UnixTime::from_millis(0)),
            ticker: Ticker::default(),
            warned_of_address: Cell::new(false),
        }
    }

    /// The context in which callouts are dispatched.
    pub(crate) const fn root(&self) -> u32 {
        self.root
    }

    /// Where signatures are verified, for the log.
    pub(crate) const fn verification(&self) -> &'static str {
        self.verifier.describe()
    }

    /// A new request of the effective context; `ended` when it has no body.
    pub(crate) fn begin(&self, context: u32, ended: bool) -> Result<Progress, HostError> {
        let began = clock::now()?;
        let head = Head::read(&self.engine)?;
        let told = !self.engine.reads_client_address() || head.fields().first("x-forwarded-for").is_some();
        if !told && !self.warned_of_address.replace(true) {
            warn!("{NO_ADDRESS}");
        }
        let gathered = Gathered::default();
        let pending = Pending { head, ended, gathered, began, granted: Rc::default(), is_verified: false };
        Ok(self.advance(context, pending, began))
    }

    /// The client is gone, or the request is over.
    pub(crate) fn end(&self, context: u32) {
        self.waiting.borrow_mut().forget(context);
        self.held.forget(context);
        self.granted.borrow_mut().retain(|granted| *granted != context);
    }

    /// Answers a request of the effective context whose head could not be read.
    pub(crate) fn refuse_unread(&self, context: u32) {
        self.held.send(context, enforce::not_ready());
    }

    /// A part of the body of the effective context's request; `size` is what is there of it. Nothing is read for requests
    /// that do not wait for it.
    pub(crate) fn read_body(&self, context: u32, size: usize, ended: bool) {
        if !ended && size <= MAX_BODY {
            return;
        }
        let Some(mut pending) = self.waiting.borrow_mut().take_reader(context) else { return };
        if let (Ok(body), Ok(now)) = (read_body(size), clock::now()) {
            pending.gathered.body = Some(body);
            self.advance(context, pending, now);
        } else {
            self.refuse(context, &pending.head, &Reason::NotReady.into());
        }
    }

    fn advance(&self, context: u32, mut pending: Pending, now: UnixTime) -> Progress {
        loop {
            let need = match self.decide(&pending, now) {
                Verdict::Allow(grant) => return Progress::Decided(self.grant(context, &pending.head, &grant)),
                Verdict::Answer(answer) => {
                    self.held.send(context, self.enforcer.answer(&pending.head, answer));
                    return Progress::Decided(Outcome::Answered);
                }
                Verdict::Deny(denial) if denial.reason.is_delayed() && self.held.takes() => {
                    let reply = self.enforcer.refusal(&pending.head, &denial);
                    let bytes = reply.size() + pending.head.size();
                    if self.waiting.borrow().has_room_for_answer(bytes, self.held.bytes()) {
                        self.held.hold(context, reply, bytes, now);
                        return Progress::Waits { turn: false, granted: pending.granted };
                    }
                    self.held.send(context, reply);
                    return Progress::Decided(Outcome::Answered);
                }
                Verdict::Deny(denial) => return Progress::Decided(self.refuse(context, &pending.head, &denial)),
                Verdict::Need(need) => need,
            };
            let Some((awaits, turn)) = self.awaits(need, &mut pending, now) else { continue };
            if pending.is_overdue(&awaits, now) {
                pending.give_up(awaits);
                continue;
            }
            pending.head.reduce();
            if !self.waiting.borrow().has_room(&pending, &awaits, self.held.bytes()) {
                return Progress::Decided(self.refuse(context, &pending.head, &Reason::TooManyWaiting.into()));
            }
            let reads = matches!(awaits, Awaits::Body);
            let granted = Rc::clone(&pending.granted);
            self.waiting.borrow_mut().add(context, pending, awaits);
            return if reads { Progress::ReadsBody } else { Progress::Waits { turn, granted } };
        }
    }

    /// Only a head that is ready in every part goes on.
    fn grant(&self, context: u32, head: &Head, grant: &Grant) -> Outcome {
        match self.enforcer.grant(head, grant) {
            Ok(()) => Outcome::Granted,
            Err(_) => self.refuse(context, head, &Reason::NotReady.into()),
        }
    }

    fn refuse(&self, context: u32, head: &Head, denial: &Denial) -> Outcome {
        self.held.send(context, self.enforcer.refusal(head, denial));
        Outcome::Answered
    }

    /// What to wait for, and whether the root context has to do something for it; nothing if the answer is there at once.
    fn awaits(&self, need: Need, pending: &mut Pending, now: UnixTime) -> Option<(Awaits, bool)> {
        match need {
            Need::Keys { source, missing } => {
                let (lack, awaits) = match missing {
                    Missing::Keys => (Lack::Keys, Awaits::Keys(source)),
                    Missing::Key => (Lack::Key { since: pending.began }, Awaits::UnknownKey(source)),
                };
                match self.keys.borrow_mut().want(source, lack, &self.enforcer.metrics, now) {
                    Wanted::Current => {
                        pending.gathered.keys.push((source, KeysAnswer::Current));
                        None
                    }
                    Wanted::No => {
                        pending.gathered.keys.push((source, KeysAnswer::Unavailable));
                        None
                    }
                    Wanted::Again => None,
                    Wanted::Fetch => Some((awaits, true)),
                    Wanted::Join => Some((awaits, false)),
                    Wanted::Next => Some((Awaits::NextFetch(source), false)),
                }
            }
            Need::Tag(name) => Some((Self::asks(Question::Tag(name), pending), true)),
            Need::Catalog(listing) => Some((Self::asks(Question::Catalog(listing), pending), true)),
            Need::Body if !self.reads_bodies => {
                pending.gathered.body = Some(RequestBody::NotRead);
                None
            }
            Need::Body if pending.ended => {
                pending.gathered.body = Some(RequestBody::Whole(Vec::new()));
                None
            }
            Need::Body => Some((Awaits::Body, false)),
        }
    }

    /// The registry is asked for callers only who may come in: a credential that they present was verified.
    fn asks(question: Question, pending: &mut Pending) -> Awaits {
        pending.is_verified = pending.head.presents_credential();
        Awaits::Turn(question)
    }

    fn decide(&self, pending: &Pending, now: UnixTime) -> Verdict {
        let keys = self.keys.borrow();
        let facts = Facts { keys: keys.held(), gathered: &pending.gathered, now };
        self.engine.decide(&pending.head.view(), &facts, &mut self.identities.borrow_mut(), &self.verifier)
    }
}

/// The body, of which the host says that it has so many bytes.
fn read_body(size: usize) -> Result<RequestBody, HostError> {
    let body = host::request_body(MAX_BODY + 1)?;
    if body.len() < size.min(MAX_BODY + 1) {
        return Err(HostError("get_buffer_bytes"));
    }
    Ok(if size.max(body.len()) > MAX_BODY { RequestBody::TooLong } else { RequestBody::Whole(body) })
}
