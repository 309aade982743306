//! Exports that replace the SDK's: requests without a context of the SDK for each,
//! `StopAllIterationAndWatermark`, responses to callouts that the SDK has not sent, and memory that
//! it would not give back. The SDK still creates and configures root contexts.
//!
//! Callbacks at the end of a request are not exported, because each costs every request a call.
//! What is parked for a request that ended is found on the next tick. Only the module for hosts
//! that call every callback has the others ([`unused`]).

mod unused;

use std::sync::atomic::{AtomicBool, Ordering};

use proxy_wasm::traits::{Context, RootContext};

use crate::logging;
use crate::plugin::Plugin;

/// `proxy_action_t`: the request goes on.
const CONTINUE: u32 = 0;
/// `StopIteration`: the head is held, the body is handed over.
const STOP: u32 = 1;
/// `StopAllIterationAndWatermark`: body and trailers wait too, with back-pressure, whatever their
/// size. It is Envoy's; the ABI does not have it.
const WAIT: u32 = 4;

/// [`register`] was called.
static REGISTERED: AtomicBool = AtomicBool::new(false);

/// Makes the SDK create [`Plugin`]s, once. Some hosts do not call `_initialize`, because it is not
/// the start of a program; then the first root context is the start.
pub(crate) fn register() {
    if !REGISTERED.swap(true, Ordering::Relaxed) {
        logging::start();
        proxy_wasm::set_root_context(|id| Box::new(Plugin::new(id, true)));
    }
}

impl Context for Plugin {}

impl RootContext for Plugin {
    fn on_configure(&mut self, _: usize) -> bool {
        self.configure()
    }
}

/// Exported as `proxy_on_...` by `cargo xtask build`.
#[expect(
    unsafe_code,
    reason = "exports, and calls of the SDK's exports, which have no safe path"
)]
mod export {
    use super::{CONTINUE, STOP, WAIT};
    use crate::gate::BodyGate;
    use crate::role::{self, RootEvent};
    use crate::{contexts, host, roots};

    unsafe extern "C" {
        fn proxy_on_context_create(context: u32, root: u32);
        fn proxy_on_delete(context: u32);
    }

    /// Some hosts start the VM in context 0, before there is a root context, which the SDK does not
    /// survive. Nothing is to be done.
    #[unsafe(no_mangle)]
    extern "C" fn registry_auth_on_vm_start(_: u32, _: usize) -> u32 {
        u32::from(true)
    }

    #[unsafe(no_mangle)]
    extern "C" fn registry_auth_on_context_create(context: u32, root: u32) {
        if root == 0 {
            super::register();
            // SAFETY: it is a safe Rust function of the SDK, exported with this very signature, and
            // this is the thread that runs all callbacks.
            unsafe { proxy_on_context_create(context, root) };
        } else {
            contexts::add(context, root);
        }
    }

    /// A request of which nothing is known is refused.
    #[unsafe(no_mangle)]
    extern "C" fn registry_auth_on_request_headers(
        context: u32,
        _: usize,
        end_of_stream: u32,
    ) -> u32 {
        let root = contexts::take(context);
        let Some((root, role)) = root.and_then(|root| Some((root, roots::role(root)?))) else {
            return action(role::refuse());
        };
        let gate = role.headers(context, end_of_stream != 0);
        if gate == (BodyGate::Waiting { turn: true }) {
            // A callout belongs to the context that is effective when it is dispatched; dispatched
            // from a request, its response would be lost with a client that hangs up.
            roots::handle(root, RootEvent::Request);
        }
        action(gate)
    }

    /// The body of a request that is not granted, or of which nothing is known, is held.
    #[unsafe(no_mangle)]
    extern "C" fn registry_auth_on_request_body(
        context: u32,
        size: usize,
        end_of_stream: u32,
    ) -> u32 {
        body(context, Some(size), end_of_stream != 0)
    }

    /// A body may end with trailers instead of a last part.
    #[unsafe(no_mangle)]
    extern "C" fn registry_auth_on_request_trailers(context: u32, _: usize) -> u32 {
        body(context, None, true)
    }

    #[unsafe(no_mangle)]
    extern "C" fn registry_auth_on_tick(root: u32) {
        roots::handle(root, RootEvent::Tick);
        contexts::sweep(|context| host::is_gone(context, root));
        for other in roots::others(root) {
            if host::is_gone(other, root) {
                // SAFETY: as above; the SDK knows each root context of the table.
                unsafe { proxy_on_delete(other) };
            }
        }
    }

    #[unsafe(no_mangle)]
    extern "C" fn registry_auth_on_http_call_response(
        root: u32,
        call: u32,
        _: usize,
        body_size: usize,
        _: usize,
    ) {
        roots::handle(root, RootEvent::Response { call, body_size });
    }

    #[unsafe(no_mangle)]
    extern "C" fn registry_auth_on_memory_allocate(size: usize) -> *mut u8 {
        host::lend(size)
    }

    fn body(context: u32, size: Option<usize>, ended: bool) -> u32 {
        roots::holder(context).map_or(STOP, |role| action(role.body(context, size, ended)))
    }

    fn action(gate: BodyGate) -> u32 {
        match gate {
            BodyGate::Open => CONTINUE,
            BodyGate::Waiting { .. } if host::is_envoy() => WAIT,
            BodyGate::Closed | BodyGate::Waiting { .. } => STOP,
        }
    }
}
