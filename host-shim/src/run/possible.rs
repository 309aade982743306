//! Whether a running Envoy can have another configuration.

use std::net::{SocketAddr, TcpListener};

use super::binary::Binary;
use super::itself;
use super::options::Arguments;
use super::plan::Plan;

/// A change of the plan of a running Envoy.
#[derive(Clone, Copy)]
pub(super) struct Change<'a> {
    pub(super) arguments: &'a Arguments,
    pub(super) binary: &'a Binary,
    /// The variables that the module can read in this Envoy.
    pub(super) variables: &'a [String],
    pub(super) old: &'a Plan,
    pub(super) new: &'a Plan,
}

/// Checks a change.
///
/// # Errors
/// Why this Envoy cannot have it.
pub(super) async fn check(change: Change<'_>) -> Result<(), String> {
    if let Some(problem) = itself::problem_soon(change.new, change.arguments).await {
        return Err(problem);
    }
    let known = |name: &&String| !change.variables.contains(name);
    if let Some(name) = change.new.completed.environment.iter().find(known) {
        return Err(format!(
            "it names the environment variable `{name}`, which Envoy got no value of when it was started: start again"
        ));
    }
    change
        .binary
        .suffices(change.new.whole_certificate)
        .map_err(|error| error.to_string())?;
    is_free(change)
}

/// Tries whether the listener can move. Envoy would find out only after the filter has changed.
fn is_free(change: Change<'_>) -> Result<(), String> {
    let [old, new] = [change.old, change.new].map(|plan| &plan.completed.listener);
    if (old.address, old.port) == (new.address, new.port) {
        return Ok(());
    }
    // Envoy itself has the port, if that stays.
    let port = if old.port == new.port { 0 } else { new.port };
    TcpListener::bind((new.address, port))
        .map(drop)
        .map_err(|error| {
            let address = SocketAddr::new(new.address, new.port);
            format!("cannot listen on {address}: {error}")
        })
}
