//! The filter of one worker: an engine, the keys it holds, the requests that wait.

use std::cell::RefCell;
use std::time::Duration;

use registry_auth::authn::cache::IdentityCache;
use registry_auth::authn::key_cache::Wanted;
use registry_auth::authn::prove::Facts;
use registry_auth::authn::source::SourceId;
use registry_auth::config::{Compiled, Enforcement};
use registry_auth::decision::{Need, Reason, Verdict};
use registry_auth::engine::Engine;
use registry_auth::envelope::PushKey;
use registry_auth::time::UnixTime;

use crate::enforce::{self, Outcome};
use crate::head::Head;
use crate::host::{self, HostError};
use crate::keys::KeyStore;
use crate::metrics::Metrics;
use crate::verifier::HostVerifier;
use crate::waiting::{Parked, Waiting};

/// How long a request waits for keys altogether.
const PATIENCE: Duration = Duration::from_secs(5);

/// What one plugin configuration is on one worker. Requests share it; no borrow is held over a host call that can call back.
pub(crate) struct Filter {
    root: u32,
    pub(crate) engine: Engine,
    pub(crate) enforcement: Enforcement,
    pub(crate) upstream_authorization: Option<Vec<u8>>,
    pub(crate) metrics: Metrics,
    verifier: HostVerifier,
    keys: RefCell<KeyStore>,
    identities: RefCell<IdentityCache>,
    waiting: RefCell<Waiting>,
    /// Sources whose waiting requests are to be decided on the host's next tick.
    settled: RefCell<Vec<SourceId>>,
}

/// What became of a request.
pub(crate) enum Progress {
    /// It was let through or answered.
    Decided(Outcome),
    /// It waits; the root context has to take its turn if `turn` is set.
    Waits {
        /// A fetch is to be begun.
        turn: bool,
    },
}

impl Filter {
    /// A filter without keys, besides those of the configuration.
    pub(crate) fn new(
        root: u32,
        compiled: Compiled,
        push_key: Option<PushKey>,
        upstream_authorization: Option<Vec<u8>>,
    ) -> Self {
        Self {
            root,
            keys: RefCell::new(KeyStore::new(compiled.engine.sources(), push_key)),
            engine: compiled.engine,
            enforcement: compiled.proxy,
            upstream_authorization,
            metrics: Metrics::default(),
            verifier: HostVerifier::prove(),
            identities: RefCell::default(),
            waiting: RefCell::default(),
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

    /// A new request of the effective context.
    pub(crate) fn begin(&self, context: u32) -> Result<Progress, HostError> {
        let now = host::now()?;
        let head = Head::read(self.engine.reads_connection())?;
        Ok(self.advance(context, head, Vec::new(), now.after(PATIENCE), now))
    }

    /// Whether a request is not decided yet.
    pub(crate) fn waits(&self, context: u32) -> bool {
        self.waiting.borrow().has(context)
    }

    /// The client is gone, or the request is over.
    pub(crate) fn end(&self, context: u32) {
        self.waiting.borrow_mut().forget(context);
    }

    /// The root context's turn. Requests are decided only on a tick of the host: a request whose callback has not returned yet
    /// cannot be resumed.
    pub(crate) fn turn(&self, of_the_host: bool) -> Result<(), HostError> {
        host::become_context(self.root)?;
        let now = host::now()?;
        let settled = self.keys.borrow_mut().turn(&self.metrics, now);
        self.settled.borrow_mut().extend(settled);
        if of_the_host {
            for source in self.settled.take() {
                self.decide_waiting(source, now);
            }
            let overdue = self.waiting.borrow_mut().take_overdue(PATIENCE, now);
            for (context, parked) in overdue {
                self.go_on(context, parked, now);
            }
        }
        Ok(())
    }

    /// The answer of a callout.
    pub(crate) fn answer(&self, call: u32, body_size: usize) -> Result<(), HostError> {
        let now = host::now()?;
        let source = self.keys.borrow_mut().answer(call, body_size, &self.metrics, now);
        if let Some(source) = source {
            self.decide_waiting(source, now);
        }
        Ok(())
    }

    fn decide_waiting(&self, source: SourceId, now: UnixTime) {
        let parked = self.waiting.borrow_mut().take_for(source);
        for (context, parked) in parked {
            self.go_on(context, parked, now);
        }
    }

    /// Decides a request that waited, in its own context. If the host fails here the request stays held and ends with the
    /// host's own time limit: it is never let through.
    fn go_on(&self, context: u32, mut parked: Parked, now: UnixTime) {
        if host::become_context(context).is_err() {
            return;
        }
        parked.settled.push(parked.source);
        let progress = self.advance(context, parked.head, parked.settled, parked.deadline, now);
        if let Progress::Decided(Outcome::Granted) = progress {
            let _ = host::resume_request();
        }
    }

    fn advance(
        &self,
        context: u32,
        head: Head,
        mut settled: Vec<SourceId>,
        deadline: UnixTime,
        now: UnixTime,
    ) -> Progress {
        loop {
            match self.decide(&head, &settled, now) {
                Verdict::Allow(grant) => return Progress::Decided(enforce::grant(self, &head, &grant)),
                Verdict::Deny(denial) => return Progress::Decided(enforce::refuse(self, &head, &denial)),
                Verdict::Need(Need::Keys { source, unknown }) => {
                    let wanted = self.keys.borrow_mut().want(source, unknown.is_some(), now);
                    if wanted == Wanted::No || deadline <= now || deadline.since(now) > PATIENCE {
                        settled.push(source);
                    } else if self.waiting.borrow().is_full() {
                        return Progress::Decided(enforce::refuse(self, &head, &Reason::TooManyWaiting.into()));
                    } else {
                        self.waiting.borrow_mut().add(context, Parked { head, settled, source, deadline });
                        return Progress::Waits { turn: wanted == Wanted::Fetch };
                    }
                }
            }
        }
    }

    fn decide(&self, head: &Head, settled: &[SourceId], now: UnixTime) -> Verdict {
        let keys = self.keys.borrow();
        let facts = Facts { keys: keys.held(), settled, now };
        self.engine.decide(&head.view(), &facts, &mut self.identities.borrow_mut(), &self.verifier)
    }
}
