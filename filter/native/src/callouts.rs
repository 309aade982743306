//! Requests to clusters. The main thread sends them all: there, one outlives the client whose request it is for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem::ManuallyDrop;

use crate::abi::Config;
use crate::job::Sender;
use crate::plugin::Plugin;
use crate::response::Response;

thread_local! {
    /// Those under way, by the address of their configuration and Envoy's number. On the main thread.
    static SENT: RefCell<ManuallyDrop<BTreeMap<(usize, u64), Sender>>> = const {
        RefCell::new(ManuallyDrop::new(BTreeMap::new()))
    };
    /// What the filter reads while it handles a response.
    static SHOWN: RefCell<ManuallyDrop<Response>> = const {
        RefCell::new(ManuallyDrop::new(Response {
            call: 0, headers: Vec::new(), body: Vec::new(),
        }))
    };
}

/// Sends what a configuration has to send. `deliver` gets responses for this thread.
pub(crate) fn send_all(config: Config<'_>, plugin: &Plugin, deliver: impl Fn(Response)) {
    while let Some(job) = plugin.take_job() {
        let callout = config.call(&job.cluster, &job.headers, &job.body, job.timeout_millis);
        match callout {
            Some(callout) => {
                SENT.with_borrow_mut(|sent| sent.insert((key(plugin), callout), job.from));
            }
            None => bring(job.from, Vec::new(), Vec::new(), &deliver),
        }
    }
}

/// A response has come.
pub(crate) fn answered(
    plugin: &Plugin,
    callout: u64,
    headers: Vec<u8>,
    body: Vec<u8>,
    deliver: impl Fn(Response),
) {
    let sender = SENT.with_borrow_mut(|sent| sent.remove(&(key(plugin), callout)));
    if let Some(sender) = sender {
        bring(sender, headers, body, &deliver);
    }
}

/// A configuration ends, and its requests with it.
pub(crate) fn forget(plugin: &Plugin) {
    let key = key(plugin);
    let ended = SENT.with_borrow_mut(|sent| {
        let later = sent.split_off(&(key, 0));
        let (ended, kept): (BTreeMap<_, _>, _) =
            later.into_iter().partition(|((of, _), _)| *of == key);
        sent.extend::<BTreeMap<_, _>>(kept);
        ended
    });
    drop(ended);
}

fn key(plugin: &Plugin) -> usize {
    std::ptr::from_ref(plugin).addr()
}

fn bring(to: Sender, headers: Vec<u8>, body: Vec<u8>, deliver: &impl Fn(Response)) {
    let response = Response {
        call: to.call,
        headers,
        body,
    };
    match to.post {
        Some(post) => post.bring(response),
        None => deliver(response),
    }
}

/// Shows a response to the filter while it does something.
pub(crate) fn showing<T>(response: Response, work: impl FnOnce() -> T) -> T {
    SHOWN.with_borrow_mut(|shown| **shown = response);
    let done = work();
    SHOWN.with_borrow_mut(|shown| **shown = Response::default());
    done
}

/// The header fields of the response that is shown.
pub(crate) fn headers() -> Vec<u8> {
    SHOWN.with_borrow(|shown| shown.headers.clone())
}

/// Its body, up to this size.
pub(crate) fn body(max: usize) -> Vec<u8> {
    SHOWN.with_borrow(|shown| shown.body.get(..max).unwrap_or(&shown.body).to_vec())
}
