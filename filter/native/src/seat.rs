//! A root context of the filter on one thread, and those that a thread has.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use registry_auth_engine::fields::Fields;
use registry_auth_filter::embed::Root;

use crate::job::{Job, Sender};
use crate::plugin::Plugin;
use crate::post::Post;
use crate::ticker;

/// The bit that numbers of root contexts have, and those of requests have not.
pub(crate) const ROOT: u32 = 1 << 31;
/// A root context ticks with a request if it has not for this long.
pub(crate) const TICK: Duration = Duration::from_millis(250);

/// A root context of this thread.
pub(crate) struct Seat {
    /// Among the root contexts of all threads, with the bit [`ROOT`].
    pub(crate) number: u32,
    pub(crate) plugin: Arc<Plugin>,
    /// The filter of it.
    pub(crate) root: Root,
    /// How other threads reach it; the main thread has no need of that.
    pub(crate) post: Option<Arc<Post>>,
    /// When it ticked last.
    pub(crate) ticked: Cell<Option<Instant>>,
    /// The number of the last callout.
    call: Cell<u32>,
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
        let number = ROOT | LAST.fetch_add(1, Ordering::Relaxed);
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
}

/// Returns the root context of this thread with this number.
pub(crate) fn of_number(number: u32) -> Option<Rc<Seat>> {
    find(|seat| seat.number == number)
}

/// Returns the root context of this thread for a configuration.
pub(crate) fn of_plugin(plugin: &Plugin) -> Option<Rc<Seat>> {
    find(|seat| std::ptr::eq(Arc::as_ptr(&seat.plugin), plugin))
}

/// Returns the first root context of this thread for which that is true.
pub(crate) fn find(is_it: impl Fn(&Seat) -> bool) -> Option<Rc<Seat>> {
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
