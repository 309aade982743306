//! The events of a request.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use registry_auth_engine::fields::Fields;
use registry_auth_filter::embed::{self, Gate};

use crate::abi::Stream;
use crate::actions::{self, Action};
use crate::guard::guard;
use crate::plugin::Plugin;
use crate::post;
use crate::seat::{self, Seat};
use crate::{context, events, grpc, streams};

/// What a hook tells Envoy: the request goes on; it waits and its body is handed over; both wait.
const CONTINUE: u32 = 0;
const STOP: u32 = 1;
const STOP_ALL: u32 = 4;

/// A request.
pub(crate) struct Request {
    seat: Rc<Seat>,
    /// Its number, once its head has come; 0 before.
    context: Cell<u32>,
}

impl Request {
    /// A new request of a configuration, which is found by `is_of`; its root context begins with the first on a thread.
    pub(crate) fn new(
        is_of: impl Fn(&Arc<Plugin>) -> bool,
        plugin: impl FnOnce() -> Arc<Plugin>,
    ) -> Self {
        let seat = seat::find(|seat| is_of(&seat.plugin)).unwrap_or_else(|| {
            seat::sweep();
            let seat = Seat::new(plugin(), false);
            if !events::configure(&seat) {
                log::error!("a worker refuses every request: it does not take the configuration");
            }
            seat
        });
        Self {
            seat,
            context: Cell::new(0),
        }
    }
}

/// Handles the head of a request; gives what Envoy does with it. A request that could not be made is answered.
pub(crate) fn headers(stream: Stream, request: Option<&Request>, ended: bool) -> u32 {
    let gate = request.and_then(|request| guard(None, || Some(begin(stream, request, ended))));
    let Some(gate) = gate else {
        refuse(stream, request);
        // What was to be done to other requests.
        guard((), actions::run);
        return STOP;
    };
    guard((), actions::run);
    match gate {
        Gate::Open => CONTINUE,
        Gate::Closed => STOP,
        Gate::Waiting => STOP_ALL,
    }
}

fn begin(stream: Stream, request: &Request, ended: bool) -> Gate {
    let seat = &request.seat;
    events::catch_up(seat);
    let context = streams::next();
    request.context.set(context);
    let gate = context::within(seat, Some((context, stream)), || {
        panic_if_told(stream);
        seat.root.headers(context, ended)
    });
    if gate != Gate::Open || !ended {
        streams::keep(context, stream, seat, gate == Gate::Open);
    }
    if gate != Gate::Open
        && embed::holds(context)
        && let (Some(post), Some(scheduler)) = (&seat.post, stream.scheduler())
    {
        post.enlist(context, scheduler);
    }
    seat.root.flush();
    gate
}

/// Answers a request whose head could not be handled.
fn refuse(stream: Stream, request: Option<&Request>) {
    let context = request.map_or(0, |request| request.context.get());
    if context != 0 {
        actions::withdraw(context);
        streams::forget(context);
    }
    if let Action::Reply {
        status,
        details,
        headers,
        body,
    } = Action::broken()
    {
        // It is answered, even if that panics.
        let headers = guard(None, || {
            Some(grpc::with_status(stream, status, &headers).into_owned())
        })
        .unwrap_or(headers);
        stream.respond(status, &details, &headers, &body);
    }
}

/// Handles a part of a body, or its trailers if `ended` is absent; gives what Envoy does with it.
pub(crate) fn body(stream: Stream, request: Option<&Request>, ended: Option<bool>) -> u32 {
    let Some(request) = request.filter(|request| request.context.get() != 0) else {
        return STOP;
    };
    let (seat, context) = (&request.seat, request.context.get());
    let goes_on = guard(None, || {
        let size = ended.map(|_| stream.body_size());
        let goes_on = context::within(seat, Some((context, stream)), || {
            embed::body(context, size, ended.unwrap_or(true))
        });
        seat.root.flush();
        Some(goes_on)
    });
    if goes_on.is_none() {
        actions::withdraw(context);
        actions::add(context, Action::broken());
    }
    guard((), actions::run);
    if goes_on == Some(true) {
        CONTINUE
    } else {
        STOP
    }
}

/// Handles an event that another thread has scheduled by a request that waits.
pub(crate) fn scheduled(request: Option<&Request>, event: u64) {
    let Some(request) = request else { return };
    guard((), || {
        let seat = &request.seat;
        let Some(post) = &seat.post else { return };
        for response in post.take_mail() {
            events::deliver(seat, response);
        }
        if event == post::TICK {
            post.begin_tick();
            events::tick(seat);
        }
    });
    guard((), actions::run);
}

/// A request has ended.
pub(crate) fn forget(request: Option<&Request>) {
    guard((), || {
        let Some(request) = request else { return };
        let context = request.context.replace(0);
        if context != 0 {
            if let Some(post) = &request.seat.post {
                post.leave(context);
            }
            streams::forget(context);
        }
    });
}

/// For the tests of this package.
fn panic_if_told(stream: Stream) {
    if cfg!(test) {
        let told = stream.request_headers().and_then(Fields::parse);
        let told = told.is_some_and(|fields| fields.first("x-registry-auth-panic").is_some());
        assert!(!told, "a test wants it");
    }
}
