//! Callbacks as hosts call them, where the SDK's own do not do: a status of the headers callback that it has no word for, the
//! root's turn after that callback, answers of callouts that it was not asked to send, and memory that it would not give back.

use std::cell::{Cell, RefCell};

/// `StopAllIterationAndWatermark`: body and trailers wait too, with back-pressure, whatever their size.
const WAIT: u32 = 4;

thread_local! {
    static WAITING: Cell<bool> = const { Cell::new(false) };
    static ROOT_TURN: Cell<Option<u32>> = const { Cell::new(None) };
    static TURN: Cell<Turn> = const { Cell::new(Turn::Tick) };
    static ROOTS: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

/// Why the SDK calls the root context's tick callback.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// The host ticks.
    Tick,
    /// A request has something for the root to do; its own callback has not returned to the host yet.
    Request,
    /// The answer of a callout is there.
    Answer {
        /// The number that it was sent under.
        call: u32,
        /// Bytes of its body.
        body_size: usize,
    },
}

/// Why the root has its turn.
pub(crate) fn turn() -> Turn {
    TURN.get()
}

/// The request of this callback waits for a fact, and its body with it.
pub(crate) fn wait_with_body() {
    WAITING.set(true);
}

/// The root context has something to do as soon as this callback has ended.
///
/// A callout belongs to the context that is effective when it is dispatched; dispatched from a request, its answer would be lost
/// with a client that hangs up.
pub(crate) fn give_turn_to(root: u32) {
    ROOT_TURN.set(Some(root));
}

/// There is a root context of this number from now on.
pub(crate) fn root_begins(id: u32) {
    ROOTS.with_borrow_mut(|roots| roots.push(id));
}

/// That root context is gone.
pub(crate) fn root_ends(id: u32) {
    ROOTS.with_borrow_mut(|roots| roots.retain(|root| *root != id));
}

/// Exported as `proxy_on_...` by `cargo xtask build`.
#[expect(unsafe_code, reason = "exports, and calls of the SDK's exports, which have no safe path")]
mod export {
    use super::{ROOT_TURN, ROOTS, TURN, Turn, WAIT, WAITING};
    use crate::host;

    unsafe extern "C" {
        fn proxy_on_request_headers(context: u32, headers: usize, end_of_stream: bool) -> u32;
        fn proxy_on_tick(root: u32);
    }

    #[unsafe(no_mangle)]
    extern "C" fn registry_auth_on_request_headers(context: u32, headers: usize, end_of_stream: u32) -> u32 {
        // SAFETY: it is a safe Rust function of the SDK, exported with this very signature (the action is an enum with the
        // representation of u32), and this is the thread that runs all callbacks.
        let action = unsafe { proxy_on_request_headers(context, headers, end_of_stream != 0) };
        let wait = WAITING.take();
        if let Some(root) = ROOT_TURN.take() {
            take_turn(root, Turn::Request);
        }
        if wait { WAIT } else { action }
    }

    /// The SDK knows only callouts that it has sent itself, and panics at the answer of any other.
    #[unsafe(no_mangle)]
    extern "C" fn registry_auth_on_http_call_response(root: u32, call: u32, _: usize, body_size: usize, _: usize) {
        take_turn(root, Turn::Answer { call, body_size });
    }

    #[unsafe(no_mangle)]
    extern "C" fn registry_auth_on_memory_allocate(size: usize) -> *mut u8 {
        host::lend(size)
    }

    /// Nothing happens if there is no such root context: the SDK would panic.
    fn take_turn(root: u32, turn: Turn) {
        if !ROOTS.with_borrow(|roots| roots.contains(&root)) {
            return;
        }
        TURN.set(turn);
        // SAFETY: as above.
        unsafe { proxy_on_tick(root) };
        TURN.set(Turn::Tick);
    }
}
