//! What a plugin configuration makes of the module.

use std::rc::Rc;

use log::error;

use crate::clock;
use crate::enforce;
use crate::filter::Filter;
use crate::gate::BodyGate;
use crate::host::{self, HostError};
use crate::intake::Intake;

/// The role of a root context.
#[derive(Clone)]
pub(crate) enum Role {
    /// No configuration was accepted: every request is refused.
    Unconfigured,
    /// Decides requests.
    Filter(Rc<Filter>),
    /// Takes pushed key sets.
    Intake(Rc<Intake>),
}

/// What happens to a root context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RootEvent {
    /// The host ticks.
    Tick,
    /// A request has something to fetch; its own callback has not returned to the host yet.
    Request,
    /// The response to a callout is there.
    Response {
        /// The number that it was sent under.
        call: u32,
        /// Bytes of its body.
        body_size: usize,
    },
}

impl Role {
    /// Handles the head of the effective context's request; `ended` when it has no body.
    pub(crate) fn headers(&self, context: u32, ended: bool) -> BodyGate {
        match self {
            Self::Filter(filter) => filter.headers(context, ended),
            Self::Intake(intake) => intake.headers(context, ended),
            Self::Unconfigured => refuse(),
        }
    }

    /// Handles a part of the body of the effective context's request; `size` is what is there of
    /// it, or absent when trailers came instead of a last part.
    pub(crate) fn body(&self, context: u32, size: Option<usize>, ended: bool) -> BodyGate {
        match self {
            Self::Filter(filter) => filter.body(context, size, ended),
            Self::Intake(intake) => intake.body(context, size, ended),
            Self::Unconfigured => BodyGate::Closed,
        }
    }

    /// Handles an event of the root context. Failures are logged.
    pub(crate) fn handle(&self, event: RootEvent) {
        let handled = match (self, event) {
            (Self::Filter(filter), RootEvent::Tick) => filter.tick(),
            (Self::Filter(filter), RootEvent::Request) => filter.turn_of_request(),
            (Self::Filter(filter), RootEvent::Response { call, body_size }) => {
                filter.response(call, body_size)
            }
            (Self::Intake(intake), RootEvent::Tick) => {
                intake.tick();
                Ok(())
            }
            (Self::Intake(_), RootEvent::Request | RootEvent::Response { .. })
            | (Self::Unconfigured, _) => Ok(()),
        };
        match handled {
            // It is in the log already, once.
            Ok(()) | Err(clock::NOT_SET) => {}
            Err(HostError(call)) => error!("the host failed in {call}"),
        }
    }

    /// Gives all counts to the host.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn flush(&self) {
        if let Self::Filter(filter) = self {
            filter.flush();
        }
    }

    /// Returns true if a request of this context is not done.
    pub(crate) fn holds(&self, context: u32) -> bool {
        match self {
            Self::Filter(filter) => filter.holds(context),
            Self::Intake(intake) => intake.holds(context),
            Self::Unconfigured => false,
        }
    }

    /// Returns true if no request waits for it.
    pub(crate) fn is_idle(&self) -> bool {
        match self {
            Self::Filter(filter) => filter.is_idle(),
            Self::Intake(intake) => intake.is_idle(),
            Self::Unconfigured => true,
        }
    }
}

/// Refuses the effective context's request, for which there is no filter. If the host does not take
/// the reply the request stays held, and ends with the host's time limit.
pub(crate) fn refuse() -> BodyGate {
    let _ = host::reply(&enforce::not_ready());
    BodyGate::Closed
}
