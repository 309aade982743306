//! The end of Envoy: by itself, or because `run` ends.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::lines::Heard;
use super::process::{Observer, Process};

/// Returns when Envoy has ended for the first time, with the reason.
pub(super) async fn first_end(envoy: &mut Observer, heard: &Heard) -> String {
    let ended = envoy
        .state
        .wait_for(|state| matches!(state, Process::Ended(_)))
        .await;
    let reason = match ended.as_deref() {
        Ok(Process::Ended(reason)) => reason.clone(),
        _ => "it has ended".to_owned(),
    };
    drop(ended);
    // Its last lines come on another way.
    tokio::time::sleep(Duration::from_millis(100)).await;
    match heard.take_error() {
        Some(error) => format!("{reason}: {}", error.replace('\n', " ").trim()),
        None => reason,
    }
}

/// Ends Envoy, and waits for that.
pub(super) async fn end(stop: oneshot::Sender<()>, envoy: JoinHandle<()>) {
    drop(stop);
    // Ignored: a supervisor that has failed has ended Envoy.
    drop(envoy.await);
}
