//! The module stays in the process: Envoy closes modules with the last configuration, and a thread of this one would run on.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-cdylib-link-arg=-Wl,-z,nodelete");
}
