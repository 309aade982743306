//! Callbacks of the ABI without a use here, exported by `target/registry-auth-full.wasm` only: some
//! hosts call each that the ABI has. The SDK's end the VM if the context is none of its own, as no
//! request is; none of these looks a context up, but for the end of a root context.
#![expect(
    unsafe_code,
    reason = "exports, and a call of the SDK's export, which has no safe path"
)]

use super::{CONTINUE, STOP};
use crate::roots;

unsafe extern "C" {
    fn proxy_on_delete(context: u32);
}

/// Nothing is left to do when a context ends.
#[unsafe(no_mangle)]
extern "C" fn registry_auth_on_done(_: u32) -> u32 {
    u32::from(true)
}

#[unsafe(no_mangle)]
extern "C" fn registry_auth_on_log(_: u32) {}

/// What is parked for a request is found on the next tick.
#[unsafe(no_mangle)]
extern "C" fn registry_auth_on_delete(context: u32) {
    if roots::role(context).is_some() {
        // SAFETY: it is a safe Rust function of the SDK, exported with this very signature, and
        // this is the thread that runs all callbacks. The SDK knows each root context of the table.
        unsafe { proxy_on_delete(context) };
    }
}

#[unsafe(no_mangle)]
extern "C" fn registry_auth_on_queue_ready(_: u32, _: u32) {}

#[unsafe(no_mangle)]
extern "C" fn registry_auth_on_foreign_function(_: u32, _: u32, _: usize) {}

/// Responses pass as they are.
#[unsafe(no_mangle)]
extern "C" fn registry_auth_on_response_headers(_: u32, _: usize, _: u32) -> u32 {
    CONTINUE
}

#[unsafe(no_mangle)]
extern "C" fn registry_auth_on_response_body(_: u32, _: usize, _: u32) -> u32 {
    CONTINUE
}

#[unsafe(no_mangle)]
extern "C" fn registry_auth_on_response_trailers(_: u32, _: usize) -> u32 {
    CONTINUE
}

#[unsafe(no_mangle)]
extern "C" fn registry_auth_on_new_connection(_: u32) -> u32 {
    CONTINUE
}

/// A host that has the module decide on connections instead of requests asks for what it cannot
/// do: no bytes pass.
#[unsafe(no_mangle)]
extern "C" fn registry_auth_on_downstream_data(_: u32, _: usize, _: u32) -> u32 {
    STOP
}

#[unsafe(no_mangle)]
extern "C" fn registry_auth_on_upstream_data(_: u32, _: usize, _: u32) -> u32 {
    STOP
}

#[unsafe(no_mangle)]
extern "C" fn registry_auth_on_downstream_connection_close(_: u32, _: u32) {}

#[unsafe(no_mangle)]
extern "C" fn registry_auth_on_upstream_connection_close(_: u32, _: u32) {}

#[unsafe(no_mangle)]
extern "C" fn registry_auth_on_grpc_receive_initial_metadata(_: u32, _: u32, _: u32) {}

#[unsafe(no_mangle)]
extern "C" fn registry_auth_on_grpc_receive(_: u32, _: u32, _: usize) {}

#[unsafe(no_mangle)]
extern "C" fn registry_auth_on_grpc_receive_trailing_metadata(_: u32, _: u32, _: u32) {}

#[unsafe(no_mangle)]
extern "C" fn registry_auth_on_grpc_close(_: u32, _: u32, _: u32) {}
