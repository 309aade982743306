//! Applies verdicts: the head for the upstream, or the reply.

use std::cell::Cell;

use log::{Level, LevelFilter, error, log, log_enabled};
use registry_auth_engine::decision::{Denied, Grant, LocalReply};
use registry_auth_engine::edits::{Edit, HeadRules};
use registry_auth_engine::reason::Reason;
use registry_auth_engine::reply::{Realm, Reply};
use serde_json::{Value, json};

use crate::head::Head;
use crate::host::{self, HostError};
use crate::logging::clip;
use crate::metrics::{Counted, Metrics, Outcome};

/// Applies verdicts of one configuration, counts and logs them.
pub(crate) struct Enforcer {
    pub(crate) metrics: Metrics,
    pub(crate) rules: HeadRules,
    /// The `Authorization` for the upstream (`proxy.upstreamAuthorization`).
    pub(crate) upstream_authorization: Option<String>,
    realm: Realm,
    /// The least severe level that is logged of requests.
    level: LevelFilter,
    /// It was logged that the host keeps header fields that were removed.
    reported_head: Cell<bool>,
}

/// Logged once, at the first request that shows it.
const HEAD_IS_KEPT: &str = "the host still shows header fields that it claims to have removed or replaced: such requests are answered with 503, because the registry would get the client's token or a user name that the client made up; do not use this host";

impl Enforcer {
    pub(crate) fn new(
        metrics: Metrics,
        rules: HeadRules,
        upstream_authorization: Option<String>,
        realm: Realm,
        level: LevelFilter,
    ) -> Self {
        Self {
            metrics,
            rules,
            upstream_authorization,
            realm,
            level,
            reported_head: Cell::new(false),
        }
    }

    /// Logs a line about a request, which is made only if it is logged.
    fn log(&self, level: Level, line: impl FnOnce() -> Value) {
        if level <= self.level && log_enabled!(level) {
            log!(level, "{}", line());
        }
    }

    /// Prepares the head of the effective context's request for the upstream, or for the login
    /// service, which gets to know the caller. A host that has not proved to be Envoy is asked
    /// whether it did what it said.
    ///
    /// # Errors
    /// A part of that failed, or was without effect: the request must not go on.
    pub(crate) fn grant(
        &self,
        head: &Head,
        grant: &Grant,
        caller: Option<&str>,
    ) -> Result<(), HostError> {
        let edits = grant
            .edits(
                head.fields(),
                &self.rules,
                self.upstream_authorization.as_deref(),
            )
            .naming(caller);
        let mut is_changed = false;
        edits.apply(|edit| {
            is_changed = true;
            match edit {
                Edit::Target(target) => host::set_request_header(":path", target.as_bytes()),
                Edit::Remove(name) => host::remove_request_header(name),
                Edit::Add(name, value) => host::add_request_header(name, value.as_bytes()),
            }
        })?;
        if is_changed && !host::is_envoy() && !edits.are_made_in(&host::request_headers()?) {
            if !self.reported_head.replace(true) {
                error!("{HEAD_IS_KEPT}");
            }
            return Err(HostError("remove_header_map_value"));
        }
        self.metrics
            .increment(Counted::Decision(Outcome::Allow, grant.topic()));
        self.log(Level::Debug, || {
            json!({
                "decision": "allow",
                "rule": grant.rule().to_string(),
                "user": clip(grant.identity().username()),
                "method": clip(head.method()),
                "path": clip(head.path()),
            })
        });
        Ok(())
    }

    /// Returns the reply to a request that was granted and is not the upstream's.
    pub(crate) fn local_reply(&self, head: &Head, local: LocalReply) -> Reply {
        self.metrics
            .increment(Counted::Decision(Outcome::Answer, local.topic));
        self.log(Level::Debug, || {
            json!({
                "decision": "answer",
                "answer": local.label,
                "user": clip(&*local.username),
                "method": clip(head.method()),
                "path": clip(head.path()),
            })
        });
        local.reply
    }

    /// Returns the reply to a request that is refused. The host omits the body of a reply to HEAD,
    /// and keeps the headers that describe it only if it was given one.
    pub(crate) fn denied(&self, head: &Head, denied: &Denied) -> Reply {
        let descriptor = denied.reason.descriptor();
        self.metrics.increment(Counted::Decision(
            Outcome::Deny(denied.reason),
            denied.topic,
        ));
        let level = if descriptor.status == 503 {
            Level::Warn
        } else {
            Level::Info
        };
        self.log(level, || {
            json!({
                "decision": "deny",
                "reason": descriptor.label,
                "status": descriptor.status,
                "user": denied.username.as_deref().map(clip),
                "detail": denied.detail.as_deref().map(clip),
                "cause": denied.cause.as_deref().map(clip),
                "method": clip(head.method()),
                "path": clip(head.path()),
            })
        });
        denied.reply(&self.realm, head.target())
    }
}

/// Returns the reply to a request for which there is no filter or no head, and so no target: most
/// are for a registry.
pub(crate) fn not_ready() -> Reply {
    Denied::new(Reason::NotReady).reply(&Realm::default(), b"/v2/")
}
