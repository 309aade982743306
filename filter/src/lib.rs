//! registry-auth as a filter: the entry, nothing else. In WebAssembly the host is that of proxy-wasm; elsewhere it is a
//! program that this library is a part of ([`embed`]).

#[cfg(target_arch = "wasm32")]
mod abi;
pub mod attribute;
mod callout;
mod client;
mod clock;
mod config_info;
#[cfg(target_arch = "wasm32")]
mod contexts;
#[cfg(not(target_arch = "wasm32"))]
pub mod embed;
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
mod next_policy;
mod parked;
mod pending;
mod plugin;
mod pushed_store;
mod records;
mod role;
mod roots;
mod tick;
mod upstream;
mod verifier;

/// What the host calls first.
#[cfg(target_arch = "wasm32")]
mod entry {
    proxy_wasm::main! {{
        crate::abi::register();
    }}
}
