//! The filter of one worker: an engine, the keys it holds, the requests that wait.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use registry_auth::authn::cache::IdentityCache;
use registry_auth::authn::key_cache::Wanted;
use registry_auth::authn::source::SourceId;
use registry_auth::config::{Compiled, Enforcement};
use registry_auth::decision::{Need, Verdict};
use registry_auth::engine::Engine;
use registry_auth::envelope::PushKey;
use registry_auth::facts::{Facts, Gathered, MAX_BODY, RequestBody};
use registry_auth::reason::Reason;
use registry_auth::time::UnixTime;

use crate::enforce::{self, Outcome};
use crate::head::Head;
use crate::held::Held;
use crate::host::{self, HostError};
use crate::keys::KeyStore;
use crate::metrics::Metrics;
use crate::upstream::{Question, Upstream};
use crate::verifier::HostVerifier;
use crate::waiting::{Awaits, Pending, Waiting};

/// What one plugin configuration is on one worker. Requests share it; no borrow is held over a host call that can call back.
pub(crate) struct Filter {
    root: u32,
    pub(crate) engine: Engine,
    pub(crate) enforcement: Enforcement,
    pub(crate) upstream_authorization: Option<String>,
    pub(crate) metrics: Metrics,
    upstream: Option<Upstream>,
    verifier: HostVerifier,
    keys: RefCell<KeyStore>,
    identities: RefCell<IdentityCache>,
    waiting: RefCell<Waiting>,
    held: RefCell<Held>,
    /// Sources whose waiting requests are to be decided on the host's next tick.
    settled: RefCell<Vec<SourceId>>,
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
        upstream_authorization: Option<String>,
    ) -> Self {
        let cluster = compiled.proxy.upstream_cluster.clone();
        Self {
            root,
            keys: RefCell::new(KeyStore::new(compiled.engine.sources(), push_key)),
            engine: compiled.engine,
            enforcement: compiled.proxy,
            upstream: cluster.map(|cluster| Upstream { cluster, authorization: upstream_authorization.clone() }),
            upstream_authorization,
            metrics: Metrics::default(),
            verifier: HostVerifier::prove(),
            identities: RefCell::default(),
            waiting: RefCell::default(),
            held: RefCell::new(Held::new(compiled.fail_delay)),
            settled: RefCell::default(),
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
        let began = host::now()?;
        let head = Head::read(&self.engine)?;
        let pending = Pending { head, ended, gathered: Gathered::default(), began, granted: Rc::default() };
        Ok(self.advance(context, pending, began))
    }

    /// The client is gone, or the request is over.
    pub(crate) fn end(&self, context: u32) {
        self.waiting.borrow_mut().forget(context);
        self.held.borrow_mut().forget(context);
    }

    /// A part of the body of the effective context's request; `size` is what is there of it. Nothing is read for requests
    /// that do not wait for it.
    pub(crate) fn read_body(&self, context: u32, size: usize, ended: bool) {
        if !ended && size <= MAX_BODY {
            return;
        }
        let Some(mut pending) = self.waiting.borrow_mut().take_reader(context) else { return };
        let body = host::request_body(MAX_BODY + 1);
        pending.gathered.body = Some(match body {
            Ok(body) if size <= MAX_BODY && body.len() <= MAX_BODY => RequestBody::Whole(body),
            Ok(_) => RequestBody::TooLong,
            Err(_) => RequestBody::NotRead,
        });
        match host::now() {
            Ok(now) => {
                self.advance(context, pending, now);
            }
            // Nobody waits for this request any more: answered now, or never.
            Err(_) => enforce::not_ready(),
        }
    }

    /// The root context's turn. Requests are decided only on a tick of the host: a request whose callback has not returned yet
    /// cannot be resumed.
    pub(crate) fn turn(&self, of_the_host: bool) -> Result<(), HostError> {
        host::become_context(self.root)?;
        let now = host::now()?;
        let settled = self.keys.borrow_mut().turn(&self.metrics, now);
        self.settled.borrow_mut().extend(settled);
        if of_the_host {
            let settled = self.settled.take();
            let arrived = |awaits: &Awaits| match awaits {
                Awaits::Keys(source) => settled.contains(source),
                Awaits::Tick => true,
                Awaits::Turn(_) | Awaits::Answer(..) | Awaits::Body => false,
            };
            self.decide_waiting(arrived, now);
            let overdue = self.waiting.borrow_mut().take_overdue(now);
            for (context, mut pending, awaits) in overdue {
                pending.give_up(awaits);
                self.go_on(context, pending, now);
            }
            self.release(now);
            self.metrics.tell();
        }
        self.ask_upstream()
    }

    /// Sends the refusals that were held long enough.
    fn release(&self, now: UnixTime) {
        let due = self.held.borrow_mut().take_due(now);
        for (context, reply) in due {
            if host::become_context(context).is_ok() {
                let _ = host::reply(&reply);
            }
        }
    }

    /// The answer of a callout.
    pub(crate) fn answer(&self, call: u32, body_size: usize) -> Result<(), HostError> {
        let now = host::now()?;
        let asked =
            self.waiting.borrow_mut().take(|awaits| matches!(awaits, Awaits::Answer(asked, _) if *asked == call));
        for (context, mut pending, awaits) in asked {
            if let Awaits::Answer(_, question) = awaits {
                question.read(body_size, &mut pending.gathered);
            }
            self.go_on(context, pending, now);
        }
        let source = self.keys.borrow_mut().answer(call, body_size, &self.metrics, now);
        if let Some(source) = source {
            self.decide_waiting(|awaits| matches!(awaits, Awaits::Keys(wanted) if *wanted == source), now);
        }
        self.ask_upstream()
    }

    fn decide_waiting(&self, arrived: impl Fn(&Awaits) -> bool, now: UnixTime) {
        let parked = self.waiting.borrow_mut().take(arrived);
        for (context, mut pending, awaits) in parked {
            pending.give_up(awaits);
            self.go_on(context, pending, now);
        }
    }

    /// Asks what waiting requests have to ask, as the root context: only it may.
    fn ask_upstream(&self) -> Result<(), HostError> {
        let unasked = self.waiting.borrow_mut().take(|awaits| matches!(awaits, Awaits::Turn(_)));
        if unasked.is_empty() {
            return Ok(());
        }
        host::become_context(self.root)?;
        for (context, mut pending, awaits) in unasked {
            let Awaits::Turn(question) = awaits else { continue };
            let call = self.ask(&question, &pending);
            let awaits = if let Some(call) = call {
                Awaits::Answer(call, question)
            } else {
                question.fail(&mut pending.gathered);
                Awaits::Tick
            };
            self.waiting.borrow_mut().add(context, pending, awaits);
        }
        Ok(())
    }

    fn ask(&self, question: &Question, pending: &Pending) -> Option<u32> {
        let upstream = self.upstream.as_ref()?;
        // Where the client's credential reaches the registry, a question for it is asked with that, or with a token of our own.
        let own = if self.enforcement.forward_authorization {
            let own = self.engine.own_authorization(question.scope(), self.keys.borrow().held(), host::now().ok()?);
            own.or_else(|| pending.head.authorization())
        } else {
            None
        };
        upstream.ask(question, &pending.head, own.as_deref()).ok()
    }

    /// Decides a request that waited, in its own context. If the host fails here the request stays held and ends with the
    /// host's own time limit: it is never let through.
    fn go_on(&self, context: u32, pending: Pending, now: UnixTime) {
        if host::become_context(context).is_err() {
            return;
        }
        let granted = Rc::clone(&pending.granted);
        if let Progress::Decided(Outcome::Granted) = self.advance(context, pending, now) {
            granted.set(true);
            let _ = host::resume_request();
        }
    }

    fn advance(&self, context: u32, mut pending: Pending, now: UnixTime) -> Progress {
        loop {
            let need = match self.decide(&pending, now) {
                Verdict::Allow(grant) => return Progress::Decided(enforce::grant(self, &pending.head, &grant)),
                Verdict::Answer(answer) => return Progress::Decided(enforce::answer(self, &pending.head, &answer)),
                Verdict::Deny(denial) if denial.reason.is_delayed() && self.held.borrow().takes() => {
                    let reply = enforce::refusal(self, &pending.head, &denial);
                    self.held.borrow_mut().hold(context, reply, now);
                    return Progress::Waits { turn: false, granted: pending.granted };
                }
                Verdict::Deny(denial) => return Progress::Decided(enforce::refuse(self, &pending.head, &denial)),
                Verdict::Need(need) => need,
            };
            let Some((awaits, turn)) = self.awaits(need, &mut pending, now) else { continue };
            if pending.is_overdue(&awaits, now) {
                pending.give_up(awaits);
            } else if self.waiting.borrow().is_full() {
                return Progress::Decided(enforce::refuse(self, &pending.head, &Reason::TooManyWaiting.into()));
            } else {
                let reads = matches!(awaits, Awaits::Body);
                let granted = Rc::clone(&pending.granted);
                self.waiting.borrow_mut().add(context, pending, awaits);
                return if reads { Progress::ReadsBody } else { Progress::Waits { turn, granted } };
            }
        }
    }

    /// What to wait for, and whether the root context has to do something for it; nothing if the answer is there at once.
    fn awaits(&self, need: Need, pending: &mut Pending, now: UnixTime) -> Option<(Awaits, bool)> {
        match need {
            Need::Keys { source, unknown } => match self.keys.borrow_mut().want(source, unknown.is_some(), now) {
                Wanted::No => {
                    pending.give_up(Awaits::Keys(source));
                    None
                }
                wanted => Some((Awaits::Keys(source), wanted == Wanted::Fetch)),
            },
            Need::Tag(name) => Some((Awaits::Turn(Question::Tag(name)), true)),
            Need::Catalog(listing) => Some((Awaits::Turn(Question::Catalog(listing)), true)),
            Need::Body if !self.enforcement.read_request_bodies => {
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

    fn decide(&self, pending: &Pending, now: UnixTime) -> Verdict {
        let keys = self.keys.borrow();
        let facts = Facts { keys: keys.held(), gathered: &pending.gathered, now };
        self.engine.decide(&pending.head.view(), &facts, &mut self.identities.borrow_mut(), &self.verifier)
    }
}
