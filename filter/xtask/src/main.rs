//! Builds, tests and shows registry-auth.

fn main() {}
