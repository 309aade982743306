//! The filter as a part of a program: what a host calls, as proxy-wasm's callbacks are elsewhere.
//!
//! Requests and root contexts have numbers, which the host chooses: those of root contexts are unique in the process, those
//! of requests on their thread. Everything but [`start`] belongs to the thread that calls it: a root context for each worker.

pub use crate::host::HostCalls;

use crate::gate::BodyGate;
use crate::plugin::Plugin;
use crate::role::{self, RootEvent};
use crate::{host, logging, roots};

/// What the host does with a request when a call ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// It goes on.
    Open,
    /// Its head is held; its body is handed over, and held.
    Closed,
    /// It is held, and its body with it, with back-pressure.
    Waiting,
}

impl From<BodyGate> for Gate {
    fn from(gate: BodyGate) -> Self {
        match gate {
            BodyGate::Open => Self::Open,
            BodyGate::Closed => Self::Closed,
            BodyGate::Waiting { .. } => Self::Waiting,
        }
    }
}

/// Sets the host of the process and begins to log, before everything else. A second call changes nothing.
pub fn start(host: &'static dyn HostCalls) {
    host::install(host);
    logging::start();
}

/// A root context of this thread, until it is dropped.
pub struct Root {
    id: u32,
    plugin: Plugin,
}

impl Root {
    /// A root context without configuration: it refuses every request.
    #[must_use]
    pub fn new(id: u32, leads: bool) -> Self {
        Self {
            id,
            plugin: Plugin::new(id, leads),
        }
    }

    /// Takes the configuration that the host has; the effective context is this one. Returns false if it is refused; the log
    /// says why.
    #[must_use]
    pub fn configure(&self) -> bool {
        self.plugin.configure()
    }

    /// Handles the head of the effective context's request, which is new; `ended` when it has no body.
    #[must_use]
    pub fn headers(&self, context: u32, ended: bool) -> Gate {
        let Some(role) = roots::role(self.id) else {
            return role::refuse().into();
        };
        let gate = role.headers(context, ended);
        if gate == (BodyGate::Waiting { turn: true }) {
            roots::handle(self.id, RootEvent::Request);
        }
        gate.into()
    }

    /// A tick; the effective context is this one.
    pub fn tick(&self) {
        roots::handle(self.id, RootEvent::Tick);
    }

    /// The response to a callout is there; the effective context is this one.
    pub fn response(&self, call: u32, body_size: usize) {
        roots::handle(self.id, RootEvent::Response { call, body_size });
    }

    /// Gives all counts to the host.
    pub fn flush(&self) {
        if let Some(role) = roots::role(self.id) {
            role.flush();
        }
    }
}

/// Handles a part of the body of the effective context's request; `size` is what is held of it and has come now, or absent
/// when trailers came. Returns true if it goes on.
#[must_use]
pub fn body(context: u32, size: Option<usize>, ended: bool) -> bool {
    roots::holder(context).is_some_and(|role| role.body(context, size, ended) == BodyGate::Open)
}

/// Returns true if a request is not done.
#[must_use]
pub fn holds(context: u32) -> bool {
    roots::holder(context).is_some()
}
