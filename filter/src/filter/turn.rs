//! The root context's turn: what is due by time, and what came in answer to a callout.

use std::rc::Rc;

use registry_auth::question::Question;
use registry_auth::reason::Reason;
use registry_auth::time::UnixTime;

use super::{Filter, Outcome, Progress};
use crate::clock;
use crate::held::BATCH;
use crate::host::{self, HostError};
use crate::upstream;
use crate::waiting::{Awaits, Pending};

impl Filter {
    /// A tick of the host.
    pub(crate) fn tick(&self) -> Result<(), HostError> {
        let now = clock::now();
        self.enforcer.metrics.flush();
        let more_held = self.held.release(now.ok());
        let more_granted = self.resume_granted();
        let now = match now {
            Ok(now) => now,
            Err(error) => {
                let refused = self.refuse_waiting();
                self.ticker.set_tick(more_held || more_granted || refused);
                return Err(error);
            }
        };
        // Callouts belong to the effective context.
        let began = host::become_context(self.root).map(|()| self.begin_turn(now));
        let more_waiting = self.decide_waiting(now);
        self.ticker.set_tick(more_held || more_granted || more_waiting);
        began.and(self.ask_upstream())
    }

    /// A request has something to fetch. No request is decided here: its callback has not returned yet, so it cannot be resumed.
    pub(crate) fn turn_of_request(&self) -> Result<(), HostError> {
        host::become_context(self.root)?;
        self.begin_turn(clock::now()?);
        self.ask_upstream()
    }

    fn begin_turn(&self, now: UnixTime) {
        self.last_turn.set(now);
        let settled = self.keys.borrow_mut().turn(&self.enforcer.metrics, now);
        self.settled.borrow_mut().append(settled);
    }

    /// The answer of a callout.
    pub(crate) fn answer(&self, call: u32, body_size: usize) -> Result<(), HostError> {
        let now = clock::now();
        let asked =
            self.waiting.borrow_mut().take(|awaits| matches!(awaits, Awaits::Answer(asked, _) if *asked == call));
        for (context, mut pending, awaits) in asked {
            let next = read(awaits, body_size, &mut pending);
            match (now, next) {
                (Ok(_), Some(question)) => self.waiting.borrow_mut().add(context, pending, Awaits::Turn(question)),
                (Ok(now), None) => self.go_on(context, pending, now),
                (Err(_), _) => self.refuse_waiter(context, &pending),
            }
        }
        // Without a clock it is as late as it was: what was under way must end in any case.
        let at = now.unwrap_or_else(|_| self.last_turn.get());
        let settled = self.keys.borrow_mut().answer(call, body_size, &self.enforcer.metrics, at);
        self.settled.borrow_mut().append(settled);
        let now = now?;
        self.settle();
        if self.decide_ready(now) {
            self.ticker.set_tick(true);
        }
        self.ask_upstream()
    }

    /// Decides requests whose wait is over. Whether there are more.
    fn decide_waiting(&self, now: UnixTime) -> bool {
        self.settle();
        let overdue = self.waiting.borrow_mut().take_overdue(now);
        self.give_up(overdue);
        self.decide_ready(now)
    }

    /// Requests that waited for keys which will not come can be decided without, and where there are newer ones, with those; they
    /// may wait on then.
    fn settle(&self) {
        let settled = self.settled.take();
        if settled.is_empty() {
            return;
        }
        let mut waiting = self.waiting.borrow_mut();
        let failed = waiting.take(|awaits| awaits.source().is_some_and(|source| settled.failed.contains(&source)));
        let again = waiting.take(|awaits| awaits.source().is_some_and(|source| settled.renewed.contains(&source)));
        for (context, pending, _) in again {
            waiting.add(context, pending, Awaits::Tick);
        }
        drop(waiting);
        self.give_up(failed);
    }

    /// Requests that can be decided without what they waited for.
    fn give_up(&self, parked: Vec<(u32, Pending, Awaits)>) {
        let mut waiting = self.waiting.borrow_mut();
        for (context, mut pending, awaits) in parked {
            pending.give_up(awaits);
            waiting.add(context, pending, Awaits::Tick);
        }
    }

    /// Decides some of the requests that can be. Whether there are more.
    fn decide_ready(&self, now: UnixTime) -> bool {
        let (ready, more) = self.waiting.borrow_mut().take_ready(BATCH);
        for (context, pending) in ready {
            self.go_on(context, pending, now);
        }
        more
    }

    /// Decides a request that waited, in its own context; if the host does not give it that, on the next tick.
    fn go_on(&self, context: u32, pending: Pending, now: UnixTime) {
        if host::become_context(context).is_err() {
            self.waiting.borrow_mut().add(context, pending, Awaits::Tick);
            return;
        }
        let granted = Rc::clone(&pending.granted);
        if let Progress::Decided(Outcome::Granted) = self.advance(context, pending, now) {
            granted.set(true);
            if host::resume_request().is_err() {
                self.granted.borrow_mut().push(context);
            }
        }
    }

    /// Lets some of the requests go on that the host did not let go on before. Whether there are more.
    fn resume_granted(&self) -> bool {
        let mut granted = self.granted.take();
        let rest = granted.split_off(granted.len().min(BATCH));
        let more = !rest.is_empty();
        self.granted.replace(rest);
        for context in granted {
            if host::become_context(context).and_then(|()| host::resume_request()).is_err() {
                self.granted.borrow_mut().push(context);
            }
        }
        more
    }

    /// Refuses all requests that wait: without a clock nothing can be decided, and no timeout can fire. Returns true if there
    /// were any.
    fn refuse_waiting(&self) -> bool {
        let parked = self.waiting.borrow_mut().take(|_| true);
        let any = !parked.is_empty();
        for (context, pending, _) in parked {
            self.held.send_later(context, self.enforcer.refusal(&pending.head, &Reason::NotReady.into()));
        }
        any
    }

    fn refuse_waiter(&self, context: u32, pending: &Pending) {
        self.held.send_to(context, self.enforcer.refusal(&pending.head, &Reason::NotReady.into()));
    }

    /// Asks what waiting requests have to ask, as the root context: only it may.
    fn ask_upstream(&self) -> Result<(), HostError> {
        let unasked = self.waiting.borrow_mut().take(|awaits| matches!(awaits, Awaits::Turn(_)));
        if unasked.is_empty() {
            return Ok(());
        }
        let became = host::become_context(self.root);
        for (context, mut pending, awaits) in unasked {
            let Awaits::Turn(question) = awaits else { continue };
            let call = became.ok().and_then(|()| self.ask(&question, &pending));
            let awaits = if let Some(call) = call {
                Awaits::Answer(call, question)
            } else {
                question.fail(&mut pending.gathered);
                Awaits::Tick
            };
            self.waiting.borrow_mut().add(context, pending, awaits);
        }
        became
    }

    fn ask(&self, question: &Question, pending: &Pending) -> Option<u32> {
        let upstream = self.upstream.as_ref()?;
        // Where the client's credential reaches the registry, a question for it is asked with that, or with a token of our own.
        let own = if self.enforcer.rules.forward_authorization {
            let own = self.engine.own_authorization(question.scope(), self.keys.borrow().held(), clock::now().ok()?);
            own.or_else(|| pending.head.authorization())
        } else {
            None
        };
        upstream::ask(upstream, question, self.enforcer.upstream_authorization.as_deref().or(own.as_deref())).ok()
    }
}

/// Reads what a callout brought for a request. Returns the question that has to be asked next, if there is one.
fn read(awaits: Awaits, body_size: usize, pending: &mut Pending) -> Option<Question> {
    let Awaits::Answer(_, question) = awaits else { return None };
    if let Some(response) = upstream::response(&question, body_size) {
        question.answer(response, &mut pending.gathered)
    } else {
        question.fail(&mut pending.gathered);
        None
    }
}
