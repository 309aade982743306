//! registry-auth as a proxy-wasm filter: the entry, nothing else.

mod abi;
mod callout;
mod clock;
mod contexts;
mod enforce;
mod filter;
mod gate;
mod head;
mod host;
mod intake;
mod keys;
mod logging;
mod metrics;
mod parked;
mod pending;
mod plugin;
mod pushed_store;
mod role;
mod roots;
mod tick;
mod upstream;
mod verifier;

/// What the host calls first; or does not, which may call `_start` only. Then the first root context
/// is the start.
mod entry {
    use std::sync::atomic::{AtomicBool, Ordering};

    static STARTED: AtomicBool = AtomicBool::new(false);

    /// Starts the module, once.
    pub(crate) fn start() {
        if !STARTED.swap(true, Ordering::Relaxed) {
            crate::logging::start();
            proxy_wasm::set_root_context(|id| Box::new(crate::plugin::Plugin::new(id)));
        }
    }

    proxy_wasm::main! {{
        start();
    }}
}
