//! registry-auth as a dynamic module of Envoy: the filter of `filter/src` on the C ABI of Envoy instead of proxy-wasm.
//!
//! ```text
//! hooks (abi)     what Envoy calls: each is guarded against panics and keeps track of the effective context
//!    |            ticker: a thread that has root contexts tick, on Envoy's threads
//!    v
//! request         the events of a request
//! events          the events of a root context of the filter, on one thread: the main thread's fetches, each worker's decides
//!    |
//! filter (embed)  the same code as in WebAssembly
//!    |
//! host            what the filter asks for: request, attributes, shared values, metrics, callouts
//!    v
//! calls (abi)     the functions of Envoy
//! ```
//!
//! A worker runs code of a module only for a request. So what a worker's root context sends is sent by the main thread, and
//! its answer, like a tick, comes to the worker through a request that waits there, or with the next request.

mod abi;
mod actions;
mod attributes;
mod callouts;
mod context;
mod events;
mod grpc;
mod guard;
mod host;
mod job;
mod main_thread;
mod metrics;
mod plugin;
mod post;
mod request;
mod response;
mod seat;
mod shared;
mod streams;
mod ticker;
mod version;
