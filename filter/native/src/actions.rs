//! Replies and continuations, carried out when the filter has returned: Envoy calls hooks meanwhile, and the filter must not be
//! called while it runs.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::mem::ManuallyDrop;

use registry_auth_engine::fields::{self, Fields};

use crate::{grpc, streams};

/// What is done to a request.
pub(crate) enum Action {
    /// It is answered.
    Reply {
        status: u32,
        details: Vec<u8>,
        headers: Fields,
        body: Vec<u8>,
    },
    /// It goes on.
    GoOn,
}

thread_local! {
    static QUEUE: RefCell<ManuallyDrop<VecDeque<(u32, Action)>>> = const {
        RefCell::new(ManuallyDrop::new(VecDeque::new()))
    };
    static IS_RUNNING: Cell<bool> = const { Cell::new(false) };
}

impl Action {
    /// The reply to a request where the module has panicked.
    pub(crate) fn broken() -> Self {
        const BODY: &str =
            r#"{"errors":[{"code":"UNKNOWN","message":"the proxy failed; try again"}]}"#;
        let fields: [(&str, &[u8]); 1] = [("content-type", b"application/json")];
        Self::Reply {
            status: 500,
            details: b"registry_auth{panic}".to_vec(),
            headers: Fields::parse(fields::write(&fields)).unwrap_or_default(),
            body: BODY.into(),
        }
    }
}

/// Has this done to a request soon.
pub(crate) fn add(context: u32, action: Action) {
    QUEUE.with_borrow_mut(|queue| queue.push_back((context, action)));
}

/// Forgets what was to be done to a request.
pub(crate) fn withdraw(context: u32) {
    QUEUE.with_borrow_mut(|queue| queue.retain(|(of, _)| *of != context));
}

/// Actions are carried out until it is dropped.
struct Running;

impl Drop for Running {
    fn drop(&mut self) {
        IS_RUNNING.set(false);
    }
}

/// Does it. Within itself it does nothing: what comes in addition is done by the outer one.
pub(crate) fn run() {
    if IS_RUNNING.replace(true) {
        return;
    }
    let _running = Running;
    while let Some((context, action)) = QUEUE.with_borrow_mut(|queue| queue.pop_front()) {
        let Some(stream) = streams::finish(context) else {
            continue;
        };
        match action {
            Action::GoOn => stream.go_on(),
            Action::Reply {
                status,
                details,
                headers,
                body,
            } => {
                let headers = grpc::with_status(stream, status, &headers);
                stream.respond(status, &details, &headers, &body);
            }
        }
    }
}
