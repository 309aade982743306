//! The headers callback as hosts call it: the SDK's, with a status that the SDK has no word for, and with the root's turn after
//! it.

use std::cell::Cell;

/// `StopAllIterationAndWatermark`: body and trailers wait too, with back-pressure, whatever their size.
const WAIT: u32 = 4;

thread_local! {
    static WAITING: Cell<bool> = const { Cell::new(false) };
    static ROOT_TURN: Cell<Option<u32>> = const { Cell::new(None) };
    static IN_REQUEST: Cell<bool> = const { Cell::new(false) };
}

/// Whether the root's turn was given by a request whose callback has not returned to the host yet.
pub(crate) fn in_request() -> bool {
    IN_REQUEST.get()
}

/// The request of this callback waits for a fact, and its body with it.
pub(crate) fn wait_with_body() {
    WAITING.set(true);
}

/// The root context has something to do as soon as this callback has ended.
///
/// A callout belongs to the context that is active in the SDK when it is dispatched; dispatched from a request, its answer
/// would be lost with a client that hangs up.
pub(crate) fn give_turn_to(root: u32) {
    ROOT_TURN.set(Some(root));
}

/// Exported as `proxy_on_request_headers` by `cargo xtask build`.
#[expect(unsafe_code, reason = "an export, and calls of the SDK's exports, which have no safe path")]
mod export {
    use super::{IN_REQUEST, ROOT_TURN, WAIT, WAITING};

    unsafe extern "C" {
        fn proxy_on_request_headers(context: u32, headers: usize, end_of_stream: bool) -> u32;
        fn proxy_on_tick(root: u32);
    }

    #[unsafe(no_mangle)]
    extern "C" fn registry_auth_on_request_headers(context: u32, headers: usize, end_of_stream: bool) -> u32 {
        // SAFETY: both functions are the SDK's safe Rust functions, exported with this very signature (the action is an enum
        // with the representation of u32), and this is the thread that runs all callbacks.
        let action = unsafe { proxy_on_request_headers(context, headers, end_of_stream) };
        let wait = WAITING.take();
        if let Some(root) = ROOT_TURN.take() {
            IN_REQUEST.set(true);
            // SAFETY: as above.
            unsafe { proxy_on_tick(root) };
            IN_REQUEST.set(false);
        }
        if wait { WAIT } else { action }
    }
}
