//! Applies verdicts: the head for the upstream, or the reply.

use log::{Level, LevelFilter, log, log_enabled};
use registry_auth_engine::decision::{Denied, Grant, LocalReply};
use registry_auth_engine::edits::{Edit, HeadRules};
use registry_auth_engine::reason::Reason;
use registry_auth_engine::reply::{Realm, Reply};
use serde_json::{Value, json};

use crate::head::Head;
use crate::host::{self, HostError};
use crate::logging::clip;
use crate::metrics::Metrics;

/// Applies verdicts of one configuration, counts and logs them.
pub(crate) struct Enforcer {
    pub(crate) metrics: Metrics,
    pub(crate) rules: HeadRules,
    /// The `Authorization` for the upstream (`proxy.upstreamAuthorization`).
    pub(crate) upstream_authorization: Option<String>,
    realm: Realm,
    /// The least severe level that is logged of requests.
    level: LevelFilter,
}

impl Enforcer {
    pub(crate) fn new(
        rules: HeadRules,
        upstream_authorization: Option<String>,
        realm: Realm,
        level: LevelFilter,
    ) -> Self {
        Self {
            metrics: Metrics::default(),
            rules,
            upstream_authorization,
            realm,
            level,
        }
    }

    /// Logs a line about a request, which is made only if it is logged.
    fn log(&self, level: Level, line: impl FnOnce() -> Value) {
        if level <= self.level && log_enabled!(level) {
            log!(level, "{}", line());
        }
    }

    /// Prepares the head of the effective context's request for the upstream, or for the login
    /// service, which gets to know the caller.
    ///
    /// # Errors
    /// A part of that failed: the request must not go on.
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
        edits.apply(|edit| match edit {
            Edit::Target(target) => host::set_request_header(":path", target.as_bytes()),
            Edit::Remove(name) => host::remove_request_header(name),
            Edit::Add(name, value) => host::add_request_header(name, value.as_bytes()),
        })?;
        self.metrics.increment("allowed");
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
        self.metrics.increment("answered");
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
        self.metrics.increment(descriptor.label);
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
