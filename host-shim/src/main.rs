//! The native companion: key shim and command line.

fn main() {}
