//! The login in a real browser, with an OpenID provider that was not written here.
//!
//! `cargo xtask test --only pages` installs Chromium and the packages of npm, and runs this.

mod github;
#[path = "../../src/pages/tests/memory.rs"]
mod memory;
mod programs;
mod service;

use std::path::Path;

use programs::{Programs, clients};

/// What the browser has to see, so that a step that was left out is noticed.
const SEEN: usize = 27;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_log_in_make_keys_and_log_out() {
    let programs = Programs::find();
    let listener = service::listen().await;
    let address = listener.local_addr().unwrap();
    let base = format!("http://{address}");
    let (settings, credentials) = clients(&base);
    let provider = programs.provider(&settings).await;
    let providers = service::providers(&provider.issuer, credentials, &github::start().await);
    let service = tokio::spawn(service::serve(listener, providers));

    let screenshots = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/screenshots");
    let (passed, output) = programs.drive(&base, &screenshots).await;
    println!("{output}");
    assert!(passed, "the browser saw something else");
    let seen = output.lines().filter(|line| line.starts_with("seen: "));
    assert_eq!(seen.count(), SEEN);
    service.abort();
}
