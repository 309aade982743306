//! Programs and files of the tests.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

/// The folder of programs.
pub(crate) fn tools() -> PathBuf {
    let below = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools");
    std::env::var_os("REGISTRY_AUTH_TOOLS").map_or(below, PathBuf::from)
}

/// A program that `cargo xtask tools` has installed.
pub(crate) fn program(name: &str) -> PathBuf {
    let path = tools().join("bin").join(name);
    assert!(
        path.exists(),
        "`{name}` is missing: run `cargo xtask tools`"
    );
    path
}

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures")
        .join(name)
        .canonicalize()
        .unwrap()
}

/// A port that nothing listens at.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
