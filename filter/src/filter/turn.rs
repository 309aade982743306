//! The root context's turn: what is due by time, and what came in answer to a callout.

use std::rc::Rc;

use registry_auth::reason::Reason;
use registry_auth::time::UnixTime;

use super::{Filter, Progress};
use crate::enforce::{self, Outcome};
use crate::host::{self, HostError};
use crate::upstream::Question;
use crate::waiting::{Awaits, Pending};

impl Filter {
    /// A tick of the host.
    pub(crate) fn tick(&self) -> Result<(), HostError> {
        let now = host::now();
        self.metrics.tell();
        self.held.release(now.ok());
        self.resume_granted();
        let Ok(now) = now else {
            self.refuse_waiting();
            return Err(HostError("get_current_time"));
        };
        // Callouts belong to the effective context.
        let began = host::become_context(self.root).map(|()| self.begin_turn(now));
        self.decide_waiting(now);
        began.and(self.ask_upstream())
    }

    /// A request has something to fetch. No request is decided here: its callback has not returned yet, so it cannot be resumed.
    pub(crate) fn turn_of_request(&self) -> Result<(), HostError> {
        host::become_context(self.root)?;
        self.begin_turn(host::now()?);
        self.ask_upstream()
    }

    fn begin_turn(&self, now: UnixTime) {
        self.last_turn.set(now);
        let settled = self.keys.borrow_mut().turn(&self.metrics, now);
        self.settled.borrow_mut().append(settled);
    }

    /// The answer of a callout.
    pub(crate) fn answer(&self, call: u32, body_size: usize) -> Result<(), HostError> {
        let now = host::now();
        let asked =
            self.waiting.borrow_mut().take(|awaits| matches!(awaits, Awaits::Answer(asked, _) if *asked == call));
        for (context, mut pending, awaits) in asked {
            if let Awaits::Answer(_, question) = awaits {
                question.read(body_size, &mut pending.gathered);
            }
            match now {
                Ok(now) => self.go_on(context, pending, now),
                Err(_) => self.refuse_waiter(context, &pending),
            }
        }
        // Without a clock it is as late as it was: what was under way must end in any case.
        let at = now.unwrap_or_else(|_| self.last_turn.get());
        let source = self.keys.borrow_mut().answer(call, body_size, &self.metrics, at);
        self.settled.borrow_mut().over.extend(source);
        self.decide_settled(now?);
        self.ask_upstream()
    }

    /// Decides the requests whose wait is over.
    fn decide_waiting(&self, now: UnixTime) {
        self.decide_settled(now);
        self.decide_all(|awaits| matches!(awaits, Awaits::Tick), now);
        let overdue = self.waiting.borrow_mut().take_overdue(now);
        self.give_up(overdue, now);
    }

    /// Decides the requests that waited for keys which are there now, or will not come; where there are only newer ones, they may
    /// wait on.
    fn decide_settled(&self, now: UnixTime) {
        let settled = self.settled.take();
        self.decide_all(|awaits| matches!(awaits, Awaits::Keys(source) if settled.over.contains(source)), now);
        let again = |awaits: &Awaits| matches!(awaits, Awaits::Keys(source) if settled.news.contains(source));
        let parked = self.waiting.borrow_mut().take(again);
        for (context, pending, _) in parked {
            self.go_on(context, pending, now);
        }
    }

    fn decide_all(&self, arrived: impl Fn(&Awaits) -> bool, now: UnixTime) {
        let parked = self.waiting.borrow_mut().take(arrived);
        self.give_up(parked, now);
    }

    fn give_up(&self, parked: Vec<(u32, Pending, Awaits)>, now: UnixTime) {
        for (context, mut pending, awaits) in parked {
            pending.give_up(awaits);
            self.go_on(context, pending, now);
        }
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

    /// Lets requests go on that the host did not let go on before.
    fn resume_granted(&self) {
        for context in self.granted.take() {
            if host::become_context(context).and_then(|()| host::resume_request()).is_err() {
                self.granted.borrow_mut().push(context);
            }
        }
    }

    /// Without a clock nothing can be decided, and nobody's patience ends.
    fn refuse_waiting(&self) {
        let parked = self.waiting.borrow_mut().take(|_| true);
        for (context, pending, _) in parked {
            self.refuse_waiter(context, &pending);
        }
    }

    fn refuse_waiter(&self, context: u32, pending: &Pending) {
        self.held.send_to(context, enforce::refusal(self, &pending.head, &Reason::NotReady.into()));
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
        let own = if self.enforcement.forward_authorization {
            let own = self.engine.own_authorization(question.scope(), self.keys.borrow().held(), host::now().ok()?);
            own.or_else(|| pending.head.authorization())
        } else {
            None
        };
        upstream.ask(question, &pending.head, own.as_deref()).ok()
    }
}
