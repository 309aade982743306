//! A verdict as it leaves: the head as it goes on to the upstream, or the answer.

use log::{debug, info, warn};
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};
use registry_auth::decision::{Answer, Denial, Grant};
use registry_auth::reason::Reason;
use registry_auth::reply::{Realm, Reply};
use serde_json::json;

use crate::filter::Filter;
use crate::head::Head;
use crate::host::{self, HostError};

/// What the client's request comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The head is ready for the upstream.
    Granted,
    /// It was answered here, or will be.
    Answered,
}

/// Everything in a user name but visible ASCII, and `%` itself so that it can be read back.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// Prepares the head for the upstream. If any part of that fails the request must not go on.
pub(crate) fn grant(filter: &Filter, head: &Head, grant: &Grant) -> Result<(), HostError> {
    prepare(filter, head, grant)?;
    filter.metrics.note("allowed");
    debug!(
        "{}",
        json!({
            "decision": "allow",
            "rule": grant.rule().to_string(),
            "user": grant.identity().username(),
            "method": String::from_utf8_lossy(head.method()),
            "path": head.path(),
        })
    );
    Ok(())
}

fn prepare(filter: &Filter, head: &Head, grant: &Grant) -> Result<(), HostError> {
    let enforcement = &filter.enforcement;
    if let Some(target) = grant.target() {
        host::set_request_header(":path", target.as_bytes())?;
    }
    if let Some(name) = &enforcement.identity_header {
        if head.has(name) {
            host::remove_request_header(name)?;
        }
        let user = grant.identity().username();
        if !user.is_empty() {
            let value: String = percent_encode(user.as_bytes(), ESCAPED).collect();
            host::add_request_header(name, value.as_bytes())?;
        }
    }
    if head.has("authorization") && !enforcement.forward_authorization {
        host::remove_request_header("authorization")?;
    }
    match &filter.upstream_authorization {
        Some(_) if enforcement.forward_authorization && head.has("authorization") => Ok(()),
        Some(value) => host::add_request_header("authorization", value.as_bytes()),
        None => Ok(()),
    }
}

/// Counts and logs that a request was granted which is not the upstream's; gives its answer.
pub(crate) fn answer(filter: &Filter, head: &Head, answer: Answer) -> Reply {
    filter.metrics.note("answered");
    debug!(
        "{}",
        json!({
            "decision": "answer",
            "answer": answer.label,
            "user": &*answer.username,
            "method": String::from_utf8_lossy(head.method()),
            "path": head.path(),
        })
    );
    answer.reply
}

/// Counts and logs why a request is refused; gives its answer. The host leaves the body of an answer to HEAD away, and keeps the
/// headers that describe it only if it was given one.
pub(crate) fn refusal(filter: &Filter, head: &Head, denial: &Denial) -> Reply {
    let face = denial.reason.face();
    filter.metrics.note(face.label);
    let line = json!({
        "decision": "deny",
        "reason": face.label,
        "status": face.status,
        "user": denial.username.as_deref(),
        "detail": denial.detail.as_deref(),
        "method": String::from_utf8_lossy(head.method()),
        "path": head.path(),
    });
    if face.status == 503 {
        warn!("{line}");
    } else {
        info!("{line}");
    }
    denial.reply(filter.engine.realm())
}

/// The answer to a request that there is no filter or no head for.
pub(crate) fn not_ready() -> Reply {
    Denial::new(Reason::NotReady).reply(&Realm::default())
}
