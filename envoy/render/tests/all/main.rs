//! What is completed, what is refused, and the files that are written.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod completion;
mod documents;
mod golden;
mod istio;
mod kubelet;
mod kubernetes;
mod listener;
mod people;
mod refusals;
mod sample;
mod settings;
