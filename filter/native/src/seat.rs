//! A root context of the filter on one thread, and the events of its requests.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use registry_auth_engine::fields::Fields;
use registry_auth_filter::embed::{self, Gate, Root};

use crate::abi::Stream;
use crate::actions::{self, Action};
use crate::callouts::{self, Job, Response, Sender};
use crate::context;
use crate::guard::guard;
use crate::plugin::Plugin;
use crate::post::{self, Post};
use crate::{streams, ticker};

/// What a hook tells Envoy: the request goes on; it waits and its body is handed over; both wait.
const CONTINUE: u32 = 0;
const STOP: u32 = 1;
const STOP_ALL: u32 = 4;
/// A root context ticks with a request if it has not for this long.
const TICK: Duration = Duration::from_millis(250);

/// A root context of this thread.
pub(crate) struct Seat {
    pub(crate) number: u32,
    pub(crate) plugin: Arc<Plugin>,
    root: Root,
    /// How other threads reach it; the main thread has no need of that.
    post: Option<Arc<Post>>,
    ticked: Cell<Option<Instant>>,
    /// The number of the last callout.
    call: Cell<u32>,
}

/// A request.
pub(crate) struct Request {
    seat: Rc<Seat>,
    /// Its number, once its head has come; 0 before.
    context: Cell<u32>,
}

thread_local! {
    /// Not dropped with the thread: Envoy's threads end with the process.
    static SEATS: RefCell<ManuallyDrop<Vec<Rc<Seat>>>> = const {
        RefCell::new(ManuallyDrop::new(Vec::new()))
    };
}

static LAST: AtomicU32 = AtomicU32::new(0);

impl Seat {
    /// One that is not configured; `leads` on the main thread.
    pub(crate) fn new(plugin: Arc<Plugin>, leads: bool) -> Rc<Self> {
        let number = streams::ROOT | LAST.fetch_add(1, Ordering::Relaxed);
        let post = (!leads).then(|| Arc::new(Post::new()));
        let seat = Rc::new(Self {
            number,
            plugin,
            root: Root::new(number, leads),
            post,
            ticked: Cell::new(None),
            call: Cell::new(0),
        });
        SEATS.with_borrow_mut(|seats| seats.push(Rc::clone(&seat)));
        if let Some(post) = &seat.post {
            ticker::watch_post(post);
        }
        seat
    }

    /// Takes the configuration. Returns false if it is refused: then every request is.
    pub(crate) fn configure(self: &Rc<Self>) -> bool {
        context::within(self, None, || self.root.configure())
    }

    /// Has it tick in intervals of this many milliseconds.
    pub(crate) fn set_period(&self, millis: u32) {
        match &self.post {
            Some(post) => post.set_period(millis),
            None => self.plugin.set_period(millis),
        }
        if u128::from(millis) < TICK.as_millis() {
            ticker::wake();
        }
    }

    /// Sends a request to a cluster; gives its number.
    pub(crate) fn send(
        &self,
        cluster: &[u8],
        headers: &Fields,
        body: &[u8],
        timeout_millis: u32,
    ) -> u32 {
        let call = self.call.get().wrapping_add(1);
        self.call.set(call);
        self.plugin.add(Job {
            from: Sender {
                call,
                post: self.post.clone(),
            },
            cluster: cluster.to_owned(),
            headers: headers.clone(),
            body: body.to_owned(),
            timeout_millis,
        });
        call
    }

    /// A tick.
    pub(crate) fn tick(self: &Rc<Self>) {
        self.ticked.set(Some(Instant::now()));
        self.event(|| self.root.tick());
    }

    /// The response to a callout.
    pub(crate) fn deliver(self: &Rc<Self>, response: Response) {
        let (call, size) = (response.call, response.body.len());
        self.event(|| callouts::showing(response, || self.root.response(call, size)));
    }

    /// Handles an event of the root context. If it panics, what it may have lost is answered.
    fn event(self: &Rc<Self>, work: impl FnOnce()) {
        let is_done = guard(false, || {
            context::within(self, None, work);
            self.root.flush();
            true
        });
        if !is_done {
            let held = |context: &u32| guard(false, || embed::holds(*context));
            for context in streams::waiting(self)
                .into_iter()
                .filter(|context| !held(context))
            {
                actions::withdraw(context);
                actions::add(context, Action::broken());
            }
        }
    }

    /// Does what other threads want done, and what is due.
    fn catch_up(self: &Rc<Self>) {
        let Some(post) = &self.post else { return };
        for response in post.take_mail() {
            self.deliver(response);
        }
        if self
            .ticked
            .get()
            .is_none_or(|ticked| ticked.elapsed() >= TICK)
        {
            post.begin_tick();
            self.tick();
        }
    }

    fn leave(&self, context: u32) {
        if let Some(post) = &self.post {
            post.leave(context);
        }
    }
}

/// Returns the root context of this thread with this number.
pub(crate) fn of_number(number: u32) -> Option<Rc<Seat>> {
    find(|seat| seat.number == number)
}

/// Returns the root context of this thread for a configuration.
pub(crate) fn of_plugin(plugin: &Plugin) -> Option<Rc<Seat>> {
    find(|seat| std::ptr::eq(Arc::as_ptr(&seat.plugin), plugin))
}

fn find(is_it: impl Fn(&Seat) -> bool) -> Option<Rc<Seat>> {
    SEATS.with_borrow(|seats| seats.iter().find(|seat| is_it(seat)).cloned())
}

/// Drops root contexts of this thread that are not needed: their configuration has ended, and no request is theirs.
pub(crate) fn sweep() {
    let is_over = |seat: &mut Rc<Seat>| seat.plugin.has_ended() && Rc::strong_count(seat) == 1;
    let ended: Vec<_> =
        SEATS.with_borrow_mut(|seats| seats.extract_if(.., is_over).collect::<Vec<_>>());
    drop(ended);
}

/// Drops a root context that was refused, or whose configuration ends.
pub(crate) fn remove(seat: &Rc<Seat>) {
    SEATS.with_borrow_mut(|seats| seats.retain(|known| !Rc::ptr_eq(known, seat)));
}

/// A new request of a configuration, which is found by `is_of`; its root context begins with the first on a thread.
pub(crate) fn request(
    is_of: impl Fn(&Arc<Plugin>) -> bool,
    plugin: impl FnOnce() -> Arc<Plugin>,
) -> Request {
    let seat = find(|seat| is_of(&seat.plugin)).unwrap_or_else(|| {
        sweep();
        let seat = Seat::new(plugin(), false);
        if !seat.configure() {
            log::error!("a worker refuses every request: it does not take the configuration");
        }
        seat
    });
    Request {
        seat,
        context: Cell::new(0),
    }
}

/// Handles the head of a request; gives what Envoy does with it. A request that could not be made is answered.
pub(crate) fn headers(stream: Stream, request: Option<&Request>, ended: bool) -> u32 {
    let gate = request.and_then(|request| guard(None, || Some(begin(stream, request, ended))));
    let Some(gate) = gate else {
        refuse(stream, request);
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
    seat.catch_up();
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
            seat.deliver(response);
        }
        if event == post::TICK {
            post.begin_tick();
            seat.tick();
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
            request.seat.leave(context);
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
