//! Events of the root context: what is due by time, and responses to callouts.

use registry_auth_engine::login::LoginAnswer;
use registry_auth_engine::question::Question;
use registry_auth_engine::reason::Reason;
use registry_auth_engine::time::UnixTime;

use super::Filter;
use super::request::Progress;
use crate::clock;
use crate::config_info;
use crate::host::{self, HostError};
use crate::login;
use crate::metrics::Counted;
use crate::pending::{Awaits, Pending};
use crate::records::Case;
use crate::upstream;

impl Filter {
    /// A tick of the host.
    pub(crate) fn tick(&self) -> Result<(), HostError> {
        let now = clock::tick();
        self.flush();
        self.sweep();
        let more_replies = self.release_replies(now.ok());
        let more_granted = self.resume_granted();
        let now = match now {
            Ok(now) => now,
            Err(error) => {
                let refused = self.refuse_waiting();
                self.ticker
                    .set_tick(more_replies || more_granted || refused);
                return Err(error);
            }
        };
        // Callouts belong to the effective context.
        let began = host::become_context(self.root).map(|()| self.begin_turn(now));
        let more_waiting = self.decide_waiting(now);
        self.ticker
            .set_tick(more_replies || more_granted || more_waiting);
        began.and(self.ask_upstream())
    }

    /// Gives all counts to the host.
    pub(crate) fn flush(&self) {
        let uses = self.identities.borrow_mut().take_uses();
        self.enforcer.metrics.cached(uses);
        self.enforcer.metrics.flush();
    }

    /// Forgets requests that are gone: the host does not say so, because a callback for that would
    /// cost every request a call. While ticks are fast, only some of them do.
    fn sweep(&self) {
        if !self.ticker.is_due() {
            return;
        }
        config_info::beat(self.root);
        let parked = self.parked.borrow().contexts();
        for context in parked
            .into_iter()
            .filter(|context| host::is_gone(*context, self.root))
        {
            self.parked.borrow_mut().forget(context);
        }
    }

    /// A request has something to fetch. No request is decided here: its callback has not returned
    /// yet, so it cannot be resumed.
    pub(crate) fn turn_of_request(&self) -> Result<(), HostError> {
        host::become_context(self.root)?;
        self.begin_turn(clock::now()?);
        self.ask_upstream()
    }

    fn begin_turn(&self, now: UnixTime) {
        self.last_turn.set(now);
        let ready = self.keys.borrow_mut().turn(&self.enforcer.metrics, now);
        self.ready.borrow_mut().append(ready);
    }

    /// The response to a callout arrived.
    pub(crate) fn response(&self, call: u32, body_size: usize) -> Result<(), HostError> {
        let now = clock::now();
        let asked = self
            .parked
            .borrow_mut()
            .take(|awaits| matches!(awaits, Awaits::Response(asked, _) if *asked == call));
        let mut answered = self
            .parked
            .borrow_mut()
            .take(|awaits| matches!(awaits, Awaits::Login(asked, _) if *asked == call));
        for (_, pending, _) in &mut answered {
            let answer = login::read(body_size);
            self.count_login(&answer);
            pending.gathered.login = Some(answer);
        }
        for (context, pending, _) in answered {
            match now {
                Ok(now) => self.go_on(context, pending, now),
                Err(_) => self.refuse_waiter(context, &pending),
            }
        }
        for (context, mut pending, awaits) in asked {
            let next = read(awaits, body_size, &mut pending);
            match (now, next) {
                (Ok(_), Some(question)) => {
                    self.parked
                        .borrow_mut()
                        .wait(context, pending, Awaits::Turn(question));
                }
                (Ok(now), None) => self.go_on(context, pending, now),
                (Err(_), _) => self.refuse_waiter(context, &pending),
            }
        }
        // Without a clock the time of the last turn is used: fetches under way must end in any
        // case.
        let at = now.unwrap_or_else(|_| self.last_turn.get());
        let ready = self
            .keys
            .borrow_mut()
            .answer(call, body_size, &self.enforcer.metrics, at);
        self.ready.borrow_mut().append(ready);
        let now = now?;
        self.settle();
        if self.decide_ready(now) {
            self.ticker.set_tick(true);
        }
        self.ask_upstream()
    }

    /// Decides requests whose wait has ended. Returns true if there are more.
    fn decide_waiting(&self, now: UnixTime) -> bool {
        self.settle();
        let overdue = self.parked.borrow_mut().take_overdue(now);
        self.give_up(overdue);
        self.decide_ready(now)
    }

    /// Requests that waited for keys which will not come are decided without; where newer keys are
    /// held they are decided with those, and may wait on.
    fn settle(&self) {
        let ready = self.ready.take();
        if ready.is_empty() {
            return;
        }
        let mut parked = self.parked.borrow_mut();
        let failed = parked.take(|awaits| {
            awaits
                .source()
                .is_some_and(|source| ready.failed.contains(&source))
        });
        let again = parked.take(|awaits| {
            awaits
                .source()
                .is_some_and(|source| ready.renewed.contains(&source))
        });
        for (context, pending, _) in again {
            parked.wait(context, pending, Awaits::Tick);
        }
        drop(parked);
        self.give_up(failed);
    }

    /// Lets requests be decided without what they waited for.
    fn give_up(&self, overdue: Vec<(u32, Pending, Awaits)>) {
        let mut parked = self.parked.borrow_mut();
        for (context, mut pending, awaits) in overdue {
            pending.give_up(awaits);
            parked.wait(context, pending, Awaits::Tick);
        }
    }

    /// Decides some of the requests that can be. Returns true if there are more.
    fn decide_ready(&self, now: UnixTime) -> bool {
        let (ready, more) = self.parked.borrow_mut().take_ready();
        for (context, pending, _) in ready {
            self.go_on(context, pending, now);
        }
        more
    }

    /// Decides a request that waited, in its own context; if the host does not give it that, on the
    /// next tick.
    fn go_on(&self, context: u32, pending: Pending, now: UnixTime) {
        if host::become_request(context).is_err() {
            self.parked
                .borrow_mut()
                .wait(context, pending, Awaits::Tick);
            return;
        }
        let has_body = pending.body.is_some();
        if matches!(self.advance(context, pending, now), Progress::Granted) {
            self.resume(context, has_body);
        }
    }

    /// Lets a granted request of the effective context go on; if the host does not, on the next
    /// tick.
    fn resume(&self, context: u32, has_body: bool) {
        if host::resume_request().is_err() {
            self.parked.borrow_mut().resume_later(context, has_body);
        } else if has_body {
            self.parked.borrow_mut().grant(context);
        }
    }

    /// Resumes granted requests that could not be before. Returns true if there are more.
    fn resume_granted(&self) -> bool {
        let (granted, more) = self.parked.borrow_mut().take_unresumed();
        for (context, has_body) in granted {
            if host::become_request(context).is_ok() {
                self.resume(context, has_body);
            } else {
                self.parked.borrow_mut().resume_later(context, has_body);
            }
        }
        more
    }

    /// Refuses all requests that wait: without a clock nothing can be decided, and no timeout can
    /// fire. Returns true if there were any.
    fn refuse_waiting(&self) -> bool {
        let parked = self.parked.borrow_mut().take(|_| true);
        let any = !parked.is_empty();
        for (context, pending, _) in parked {
            self.send_later(
                context,
                self.enforcer
                    .denied(&Case::elsewhere(&pending.head), &Reason::NotReady.into()),
            );
        }
        any
    }

    fn refuse_waiter(&self, context: u32, pending: &Pending) {
        self.send_to(
            context,
            self.enforcer
                .denied(&Case::elsewhere(&pending.head), &Reason::NotReady.into()),
        );
    }

    /// Asks what waiting requests have to ask, as the root context: only it may.
    fn ask_upstream(&self) -> Result<(), HostError> {
        self.ask_login()?;
        let unasked = self
            .parked
            .borrow_mut()
            .take(|awaits| matches!(awaits, Awaits::Turn(_)));
        if unasked.is_empty() {
            return Ok(());
        }
        let became = host::become_context(self.root);
        for (context, mut pending, awaits) in unasked {
            let Awaits::Turn(question) = awaits else {
                continue;
            };
            let call = became.ok().and_then(|()| self.ask(&question, &pending));
            let awaits = if let Some(call) = call {
                Awaits::Response(call, question)
            } else {
                question.fail(&mut pending.gathered);
                Awaits::Tick
            };
            self.parked.borrow_mut().wait(context, pending, awaits);
        }
        became
    }

    /// Asks the login service what waiting requests have to ask, as the root context.
    fn ask_login(&self) -> Result<(), HostError> {
        let unasked = self
            .parked
            .borrow_mut()
            .take(|awaits| matches!(awaits, Awaits::LoginTurn(..)));
        if unasked.is_empty() {
            return Ok(());
        }
        let became = host::become_context(self.root);
        for (context, mut pending, awaits) in unasked {
            let Awaits::LoginTurn(question, patience) = awaits else {
                continue;
            };
            let call = became.ok().and_then(|()| {
                let login = self.login.as_ref()?;
                login.ask(&question, clock::now().ok()?).ok()
            });
            let awaits = if let Some(call) = call {
                Awaits::Login(call, patience)
            } else {
                self.count_login(&LoginAnswer::NONE);
                pending.gathered.login = Some(LoginAnswer::NONE);
                Awaits::Tick
            };
            self.parked.borrow_mut().wait(context, pending, awaits);
        }
        became
    }

    fn count_login(&self, answer: &LoginAnswer) {
        let name = match answer {
            LoginAnswer::Unavailable { .. } => "logins.failed",
            _ => "logins.answered",
        };
        self.enforcer.metrics.increment(Counted::Plain(name));
    }

    fn ask(&self, question: &Question, pending: &Pending) -> Option<u32> {
        let upstream = self.upstream.as_ref()?;
        // Where the client's credential reaches the registry, a question for it is asked with that,
        // or with a token of our own.
        let own = if self.enforcer.rules.forward_authorization {
            let own = self.engine.filter_token(
                question.scope(),
                self.keys.borrow().held(),
                clock::now().ok()?,
            );
            own.or_else(|| pending.head.authorization())
        } else {
            None
        };
        upstream::ask(
            upstream,
            question,
            self.enforcer
                .upstream_authorization
                .as_deref()
                .or(own.as_deref()),
        )
        .ok()
    }
}

/// Reads what a callout brought for a request. Returns the question that has to be asked next, if
/// there is one.
fn read(awaits: Awaits, body_size: usize, pending: &mut Pending) -> Option<Question> {
    let Awaits::Response(_, question) = awaits else {
        return None;
    };
    if let Some(response) = upstream::response(&question, body_size) {
        question.answer(response, &mut pending.gathered)
    } else {
        question.fail(&mut pending.gathered);
        None
    }
}
