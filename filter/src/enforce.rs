//! Applies verdicts: the head for the upstream, or the reply.

use std::cell::Cell;

use log::error;
use registry_auth_engine::decision::{Denied, Grant, LocalReply};
use registry_auth_engine::edits::{Edit, HeadRules};
use registry_auth_engine::reason::Reason;
use registry_auth_engine::record::Decided;
use registry_auth_engine::reply::{Realm, Reply, ReplyTo};

use crate::host::{self, HostError};
use crate::metrics::{Counted, Metrics, Outcome};
use crate::records::{Case, Records};

/// Applies verdicts of one configuration, counts and records them.
pub(crate) struct Enforcer {
    pub(crate) metrics: Metrics,
    pub(crate) rules: HeadRules,
    /// The `Authorization` for the upstream (`proxy.upstreamAuthorization`).
    pub(crate) upstream_authorization: Option<String>,
    pub(crate) records: Records,
    realm: Realm,
    /// It was logged that the host keeps header fields that were removed.
    reported_head: Cell<bool>,
}

/// Logged once, at the first request that shows it.
const HEAD_IS_KEPT: &str = "the host still shows header fields that it claims to have removed or replaced: such requests are answered with 503, because the registry would get the client's token or a user name that the client made up; do not use this host";

/// The attribute with the value of `Warning` for the response of the upstream.
const WARNING: &str = "registry_auth.warning";

impl Enforcer {
    pub(crate) fn new(
        metrics: Metrics,
        rules: HeadRules,
        upstream_authorization: Option<String>,
        realm: Realm,
        records: Records,
    ) -> Self {
        Self {
            metrics,
            rules,
            upstream_authorization,
            records,
            realm,
            reported_head: Cell::new(false),
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
        case: &Case<'_>,
        grant: &Grant,
        caller: Option<&str>,
    ) -> Result<(), HostError> {
        let edits = grant
            .edits(
                case.head.fields(),
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
        if let Some(warning) = case.warning() {
            host::set_attribute(WARNING, &warning);
        }
        self.records.add(case, Decided::Allowed(grant));
        Ok(())
    }

    /// Returns the reply to a request that was granted and is not the upstream's.
    pub(crate) fn local_reply(&self, case: &Case<'_>, local: LocalReply) -> Reply {
        self.metrics
            .increment(Counted::Decision(Outcome::Answer, local.topic));
        self.records.add(case, Decided::Answered(&local));
        let mut reply = local.reply;
        reply
            .headers
            .extend(case.warning().map(|warning| ("warning", warning)));
        reply
    }

    /// Returns the reply to a request that is refused. The host omits the body of a reply to HEAD,
    /// and keeps the headers that describe it only if it was given one.
    pub(crate) fn denied(&self, case: &Case<'_>, denied: &Denied) -> Reply {
        self.metrics.increment(Counted::Decision(
            Outcome::Deny(denied.reason),
            denied.topic,
        ));
        self.records.add(case, Decided::Denied(denied));
        let sealed = self.records.sealed(case, denied);
        let to = ReplyTo {
            trace: sealed.as_deref().unwrap_or_default(),
            ..case.head.reply_to()
        };
        denied.reply(&self.realm, to)
    }
}

/// Returns the reply to a request for which there is no filter or no head, and so no target: most
/// are for a registry.
pub(crate) fn not_ready() -> Reply {
    Denied::new(Reason::NotReady).reply(&Realm::default(), b"/v2/")
}
