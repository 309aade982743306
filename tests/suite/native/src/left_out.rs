//! Lists what `cargo test` leaves out, so that its output shows it. `cargo xtask test` runs all of
//! it, and passes over this file.

const COMPLAINT: &str = "only `cargo xtask test` runs everything";

#[test]
#[ignore = "left out: run `cargo xtask test --only wasm`"]
fn the_module_on_wasmtime() {
    panic!("{COMPLAINT}");
}

#[test]
#[ignore = "left out: run `cargo xtask test --only envoy`"]
fn the_module_in_envoy() {
    panic!("{COMPLAINT}");
}

#[test]
#[ignore = "left out: run `cargo xtask test --only shim`"]
fn the_native_binary_with_secrets_manager() {
    panic!("{COMPLAINT}");
}

/// A green `cargo test` would say little there.
#[test]
fn nothing_is_left_out_where_ci_is_set() {
    assert!(
        std::env::var_os("CI").is_none_or(|value| value.is_empty()),
        "{COMPLAINT}"
    );
}
