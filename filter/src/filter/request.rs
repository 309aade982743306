//! One request: read the head, decide, enforce.

use registry_auth_engine::decision::{Denied, Grant, Verdict};
use registry_auth_engine::facts::{
    Facts, Gathered, KeysAnswer, MAX_BODY, Missing, Need, Now, RequestBody,
};
use registry_auth_engine::keys::cache::{Lack, Wanted};
use registry_auth_engine::login::LoginAnswer;
use registry_auth_engine::question::Question;
use registry_auth_engine::reason::Reason;
use registry_auth_engine::time::UnixTime;
use registry_auth_engine::trace::{Recorder, Trace};

use super::Filter;
use crate::client;
use crate::clock;
use crate::enforce;
use crate::gate::BodyGate;
use crate::head::Head;
use crate::host::{self, HostError};
use crate::next_policy::NextVerdict;
use crate::parked::Body;
use crate::pending::{Awaits, Pending};
use crate::records::Case;

/// What a decision comes to.
pub(super) enum Progress {
    /// The head is ready for the upstream.
    Granted,
    /// It was answered, or will be.
    Answered,
    /// It waits; with true if the root context has to take its turn.
    Waits { turn: bool },
    /// Its body is needed.
    ReadsBody,
}

impl Filter {
    /// Handles the head of the effective context's request; `ended` when it has no body.
    pub(crate) fn headers(&self, context: u32, ended: bool) -> BodyGate {
        match self.begin(context, ended) {
            Ok(Progress::Granted) => {
                if !ended {
                    self.parked.borrow_mut().grant(context);
                }
                BodyGate::Open
            }
            Ok(Progress::Answered) => BodyGate::Closed,
            // A body is read to answer the request; such a request never goes on.
            Ok(Progress::ReadsBody) => {
                host::learn_of_ends();
                BodyGate::Closed
            }
            Ok(Progress::Waits { turn }) => {
                host::learn_of_ends();
                BodyGate::Waiting { turn }
            }
            Err(_) => {
                self.send(context, enforce::not_ready());
                BodyGate::Closed
            }
        }
    }

    /// Handles a part of the body of the effective context's request; `size` is what is there of
    /// it, or absent when trailers came instead of a last part. Nothing is read for requests that
    /// do not wait for it. Some hosts begin the body of a paused request: it must not go on.
    pub(crate) fn body(&self, context: u32, size: Option<usize>, ended: bool) -> BodyGate {
        let body = self
            .parked
            .borrow_mut()
            .body(context, size, ended, MAX_BODY);
        match body {
            Body::Granted => return BodyGate::Open,
            Body::Held => {}
            Body::Read(mut pending) => {
                let size = pending.body.unwrap_or_default();
                if let (Ok(body), Ok(now)) = (read_body(size), clock::now()) {
                    pending.gathered.body = Some(body);
                    self.advance(context, *pending, now);
                } else {
                    let case = Case::of(&pending.head);
                    self.refuse(context, &case, &Reason::NotReady.into());
                }
            }
        }
        BodyGate::Closed
    }

    fn begin(&self, context: u32, ended: bool) -> Result<Progress, HostError> {
        let now = if self.takes_recent_time {
            clock::for_request()?
        } else {
            clock::now()?.into()
        };
        let records = self.enforcer.records.are_kept();
        let head = Head::read(&self.engine, self.proxy_sets_address, records)?;
        if self.enforcer.rules.refuses(head.fields()) {
            let case = Case {
                now: Some(exact(now)?),
                ..Case::of(&head)
            };
            return Ok(self.refuse(context, &case, &Reason::IdentityHeader.into()));
        }
        self.check_address(&head);
        self.check_certificate(&head);
        let trace = records.then(Trace::default);
        let mut verdict = self.decide(&head, &self.nothing, now, trace.as_ref());
        if let (Now::Recent(_), Verdict::Allow(grant)) = (now, &verdict) {
            return Ok(self.grant(context, &Case::of(&head), grant));
        }
        let now = exact(now)?;
        if matches!(verdict, Verdict::Need(Need::Time)) {
            verdict = self.decide(&head, &self.nothing, now.into(), trace.as_ref());
        }
        if let Verdict::Allow(grant) = &verdict {
            let next = self.compared(&head, &self.nothing, now, true);
            let case = Case {
                trace: trace.as_ref(),
                now: Some(now),
                next: next.as_ref(),
                ..Case::of(&head)
            };
            return Ok(self.grant(context, &case, grant));
        }
        let body = (!ended).then_some(0);
        let pending = Pending {
            head,
            body,
            gathered: Gathered::default(),
            began: now,
            is_verified: false,
            waits: None,
        };
        Ok(self.conclude(context, pending, verdict, trace, now))
    }

    /// Decides a request of the effective context as far as the facts go.
    pub(super) fn advance(&self, context: u32, pending: Pending, now: UnixTime) -> Progress {
        let trace = self.trace();
        let verdict = self.decide(&pending.head, &pending.gathered, now.into(), trace.as_ref());
        self.conclude(context, pending, verdict, trace, now)
    }

    /// What the steps of a decision are recorded in, if they are.
    fn trace(&self) -> Option<Trace> {
        self.enforcer.records.are_kept().then(Trace::default)
    }

    /// Applies a verdict. A request that lacks a fact is parked until it arrives, or decided again
    /// if it is there already.
    fn conclude(
        &self,
        context: u32,
        mut pending: Pending,
        mut verdict: Verdict,
        mut trace: Option<Trace>,
        now: UnixTime,
    ) -> Progress {
        if let Some((stage, since)) = pending.waits.take() {
            self.enforcer.metrics.waited(stage, now.since(since));
        }
        loop {
            let need = match verdict {
                Verdict::Need(need) => need,
                verdict => return self.apply(context, &pending, verdict, trace.as_ref(), now),
            };
            match self.awaits(need, &mut pending, now) {
                Some((awaits, turn)) if !pending.is_overdue(&awaits, now) => {
                    return self.park(context, pending, awaits, turn, now);
                }
                Some((awaits, _)) => pending.give_up(awaits),
                None => {}
            }
            trace = self.trace();
            verdict = self.decide(&pending.head, &pending.gathered, now.into(), trace.as_ref());
        }
    }

    /// Applies a verdict that needs nothing more.
    fn apply(
        &self,
        context: u32,
        pending: &Pending,
        verdict: Verdict,
        trace: Option<&Trace>,
        now: UnixTime,
    ) -> Progress {
        let is_granted = !matches!(verdict, Verdict::Deny(_));
        let next = self.compared(&pending.head, &pending.gathered, now, is_granted);
        let case = Case {
            trace,
            now: Some(now),
            waited: now.since(pending.began),
            next: next.as_ref(),
            ..Case::of(&pending.head)
        };
        match verdict {
            Verdict::Allow(grant) => self.grant(context, &case, &grant),
            Verdict::Reply(reply) => {
                self.send(context, self.enforcer.local_reply(&case, reply));
                Progress::Answered
            }
            Verdict::Deny(denied) => self.deny(context, &case, &denied, now),
            Verdict::Need(_) => self.refuse(context, &case, &Reason::NotReady.into()),
        }
    }

    /// What the next policy says of a request that is decided with these facts.
    #[inline]
    fn compared(
        &self,
        head: &Head,
        gathered: &Gathered,
        now: UnixTime,
        is_granted: bool,
    ) -> Option<NextVerdict> {
        let next = self.next.as_ref()?;
        let keys = self.keys.borrow();
        let facts = Facts {
            keys: keys.held(),
            gathered,
            now: now.into(),
        };
        let metrics = &self.enforcer.metrics;
        next.compare(&head.view(), &facts, self.verifier, is_granted, metrics)
    }

    /// Parks a request until a fact arrives, if there is room.
    fn park(
        &self,
        context: u32,
        mut pending: Pending,
        awaits: Awaits,
        turn: bool,
        now: UnixTime,
    ) -> Progress {
        pending.head.reduce();
        if !self.parked.borrow().has_room(&pending, &awaits) {
            let case = Case::of(&pending.head);
            return self.refuse(context, &case, &Reason::TooManyWaiting.into());
        }
        pending.waits = awaits.stage().map(|stage| (stage, now));
        let reads_body = matches!(awaits, Awaits::Body);
        self.parked.borrow_mut().wait(context, pending, awaits);
        if reads_body {
            Progress::ReadsBody
        } else {
            Progress::Waits { turn }
        }
    }

    /// Only a head that is ready in every part goes on.
    fn grant(&self, context: u32, case: &Case<'_>, grant: &Grant) -> Progress {
        let caller = self.caller(case.head, grant);
        match caller.and_then(|caller| self.enforcer.grant(case, grant, caller.as_deref())) {
            Ok(()) => Progress::Granted,
            Err(_) => self.refuse(context, case, &Reason::NotReady.into()),
        }
    }

    /// Returns what the login service gets to know of a request that is for it.
    fn caller(&self, head: &Head, grant: &Grant) -> Result<Option<String>, HostError> {
        let Some(login) = self.login.as_ref().filter(|_| grant.is_page()) else {
            return Ok(None);
        };
        let client = || client::read(head.fields(), self.proxy_sets_address);
        let caller = grant.caller(&head.view(), client, clock::now()?);
        Ok(caller.map(|caller| caller.sign(&login.key)))
    }

    /// Refuses a request, after `failDelay` if the reason is one that guessing meets.
    fn deny(&self, context: u32, case: &Case<'_>, denied: &Denied, now: UnixTime) -> Progress {
        if !denied.reason.is_delayed() || !self.parked.borrow().delays() {
            return self.refuse(context, case, denied);
        }
        let reply = self.enforcer.denied(case, denied);
        let bytes = reply.size() + case.head.size();
        if self.parked.borrow().has_room_for_reply(bytes) {
            self.parked.borrow_mut().delay(context, reply, bytes, now);
            return Progress::Waits { turn: false };
        }
        self.send(context, reply);
        Progress::Answered
    }

    fn refuse(&self, context: u32, case: &Case<'_>, denied: &Denied) -> Progress {
        self.send(context, self.enforcer.denied(case, denied));
        Progress::Answered
    }

    /// Returns what to wait for, and true if the root context has to do something for it; `None` if
    /// the fact is there at once.
    fn awaits(&self, need: Need, pending: &mut Pending, now: UnixTime) -> Option<(Awaits, bool)> {
        match need {
            Need::Keys { source, missing } => {
                let (lack, awaits) = match missing {
                    Missing::Keys => (Lack::Keys, Awaits::Keys(source)),
                    Missing::Key => (
                        Lack::Key {
                            since: pending.began,
                        },
                        Awaits::UnknownKey(source),
                    ),
                };
                match self
                    .keys
                    .borrow_mut()
                    .want(source, lack, &self.enforcer.metrics, now)
                {
                    Wanted::Current => {
                        pending.gathered.keys.push((source, KeysAnswer::Current));
                        None
                    }
                    Wanted::No => {
                        pending
                            .gathered
                            .keys
                            .push((source, KeysAnswer::Unavailable));
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
            Need::Body if pending.body.is_none() => {
                pending.gathered.body = Some(RequestBody::Whole(Vec::new()));
                None
            }
            Need::Body => Some((Awaits::Body, false)),
            // It is exact when it is decided again.
            Need::Time => None,
            Need::Login(question) => {
                let Some(login) = &self.login else {
                    pending.gathered.login = Some(LoginAnswer::NONE);
                    return None;
                };
                Some((Awaits::LoginTurn(question, login.patience()), true))
            }
        }
    }

    /// The registry is asked only for callers who may come in: a credential that they present was
    /// verified.
    fn asks(question: Question, pending: &mut Pending) -> Awaits {
        pending.is_verified = pending.head.presents_credential();
        Awaits::Turn(question)
    }

    fn decide(&self, head: &Head, gathered: &Gathered, now: Now, trace: Option<&Trace>) -> Verdict {
        let keys = self.keys.borrow();
        let facts = Facts {
            keys: keys.held(),
            gathered,
            now,
        };
        self.engine.record(
            &head.view(),
            &facts,
            &mut self.identities.borrow_mut(),
            &self.verifier,
            trace.map_or(Recorder::OFF, Recorder::of),
        )
    }
}

/// The exact time of a request.
fn exact(now: Now) -> Result<UnixTime, HostError> {
    match now {
        Now::Exact(now) => Ok(now),
        Now::Recent(_) => clock::now(),
    }
}

/// Reads the body, which has `size` bytes by the host's account.
fn read_body(size: usize) -> Result<RequestBody, HostError> {
    let body = host::request_body(MAX_BODY + 1)?;
    if body.len() < size.min(MAX_BODY + 1) {
        return Err(HostError("get_buffer_bytes"));
    }
    Ok(if size.max(body.len()) > MAX_BODY {
        RequestBody::TooLong
    } else {
        RequestBody::Whole(body)
    })
}
