//! registry-auth as a proxy-wasm filter: the entry, nothing else.

mod abi;
mod callout;
mod client;
mod clock;
mod config_info;
mod contexts;
mod enforce;
mod filter;
mod gate;
mod head;
mod host;
mod intake;
mod keys;
mod logging;
mod login;
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

/// What the host calls first.
mod entry {
    proxy_wasm::main! {{
        crate::plugin::register();
    }}
}
