//! A verdict as it leaves: the head as it goes on to the upstream, or the answer.

use log::{debug, info, warn};
use registry_auth::decision::{Answer, Denial, Grant};
use registry_auth::edits::Edit;
use registry_auth::reason::Reason;
use registry_auth::reply::{Realm, Reply};
use serde_json::json;

use crate::filter::Filter;
use crate::head::Head;
use crate::host::{self, HostError};
use crate::logging::clip;

/// What the client's request comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The head is ready for the upstream.
    Granted,
    /// It was answered here, or will be.
    Answered,
}

/// Prepares the head for the upstream. If any part of that fails the request must not go on.
pub(crate) fn grant(filter: &Filter, head: &Head, grant: &Grant) -> Result<(), HostError> {
    prepare(filter, head, grant)?;
    filter.metrics.increment("allowed");
    debug!(
        "{}",
        json!({
            "decision": "allow",
            "rule": grant.rule().to_string(),
            "user": clip(grant.identity().username()),
            "method": clip(head.method()),
            "path": clip(head.path()),
        })
    );
    Ok(())
}

fn prepare(filter: &Filter, head: &Head, grant: &Grant) -> Result<(), HostError> {
    let edits = grant.edits(head.fields(), &filter.enforcement.head, filter.upstream_authorization.as_deref());
    edits.apply(|edit| match edit {
        Edit::Target(target) => host::set_request_header(":path", target.as_bytes()),
        Edit::Remove(name) => host::remove_request_header(name),
        Edit::Add(name, value) => host::add_request_header(name, value.as_bytes()),
    })
}

/// Counts and logs that a request was granted which is not the upstream's; gives its answer.
pub(crate) fn answer(filter: &Filter, head: &Head, answer: Answer) -> Reply {
    filter.metrics.increment("answered");
    debug!(
        "{}",
        json!({
            "decision": "answer",
            "answer": answer.label,
            "user": clip(&*answer.username),
            "method": clip(head.method()),
            "path": clip(head.path()),
        })
    );
    answer.reply
}

/// Counts and logs why a request is refused; gives its answer. The host leaves the body of an answer to HEAD away, and keeps the
/// headers that describe it only if it was given one.
pub(crate) fn refusal(filter: &Filter, head: &Head, denial: &Denial) -> Reply {
    let face = denial.reason.face();
    filter.metrics.increment(face.label);
    let line = json!({
        "decision": "deny",
        "reason": face.label,
        "status": face.status,
        "user": denial.username.as_deref().map(clip),
        "detail": denial.detail.as_deref().map(clip),
        "method": clip(head.method()),
        "path": clip(head.path()),
    });
    if face.status == 503 {
        warn!("{line}");
    } else {
        info!("{line}");
    }
    denial.reply(filter.engine.realm(), head.target())
}

/// The answer to a request that there is no filter or no head for, and so no target: most are for a registry.
pub(crate) fn not_ready() -> Reply {
    Denial::new(Reason::NotReady).reply(&Realm::default(), b"/v2/")
}
