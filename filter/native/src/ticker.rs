//! The thread that has root contexts tick, as Envoy has no timers for a filter. It only schedules events.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::plugin::Plugin;
use crate::post::Post;

/// How long it sleeps at most, and at least.
const LONGEST: Duration = Duration::from_millis(250);
const SHORTEST: Duration = Duration::from_millis(1);

#[derive(Default)]
struct Watched {
    plugins: Vec<Weak<Plugin>>,
    posts: Vec<Weak<Post>>,
    is_running: bool,
    /// A period is shorter than it was.
    is_woken: bool,
}

static WATCHED: Mutex<Watched> = Mutex::new(Watched {
    plugins: Vec::new(),
    posts: Vec::new(),
    is_running: false,
    is_woken: false,
});
static WAKE: Condvar = Condvar::new();
/// Held while events of configurations are scheduled.
static COMMITTING: Mutex<()> = Mutex::new(());

thread_local! {
    static IS_TICKER: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

fn lock() -> MutexGuard<'static, Watched> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has a configuration tick; begins the thread. Returns false if that is not possible.
pub(crate) fn watch(plugin: &Arc<Plugin>) -> bool {
    let mut watched = lock();
    if !watched.is_running {
        let thread = thread::Builder::new().name("registry-auth".to_owned());
        watched.is_running = thread.spawn(run).is_ok();
    }
    watched.plugins.push(Arc::downgrade(plugin));
    watched.is_running
}

/// Has a root context of a worker tick, while requests wait for it.
pub(crate) fn watch_post(post: &Arc<Post>) {
    lock().posts.push(Arc::downgrade(post));
}

/// A tick may be due earlier than it was.
pub(crate) fn wake() {
    lock().is_woken = true;
    WAKE.notify_one();
}

/// Waits until no event of a configuration is being scheduled by the thread. Not by the thread itself, within an event of which
/// a configuration can end.
pub(crate) fn settle() {
    if !IS_TICKER.get() {
        drop(COMMITTING.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

fn run() {
    IS_TICKER.set(true);
    loop {
        // What panics here has lost a tick.
        let next = crate::guard::guard(None, tick);
        let watched = lock();
        let sleep = next.map_or(LONGEST, |next| {
            next.saturating_duration_since(Instant::now())
        });
        let sleep = if watched.is_woken {
            SHORTEST
        } else {
            sleep.clamp(SHORTEST, LONGEST)
        };
        let slept = WAKE.wait_timeout(watched, sleep);
        slept.unwrap_or_else(PoisonError::into_inner).0.is_woken = false;
    }
}

/// Schedules what is due. Returns when the next is.
fn tick() -> Option<Instant> {
    let (plugins, posts) = {
        let mut watched = lock();
        watched.plugins.retain(|plugin| plugin.strong_count() > 0);
        watched.posts.retain(|post| post.strong_count() > 0);
        (watched.plugins.clone(), watched.posts.clone())
    };
    let now = Instant::now();
    let committing = COMMITTING.lock().unwrap_or_else(PoisonError::into_inner);
    let plugins = plugins.iter().filter_map(Weak::upgrade);
    let mut next: Vec<Instant> = plugins
        .filter_map(|plugin| plugin.tick_if_due(now))
        .collect();
    drop(committing);
    let posts = posts.iter().filter_map(Weak::upgrade);
    next.extend(posts.filter_map(|post| post.tick_if_due(now)));
    next.into_iter().min()
}
