//! The next policy, evaluated in addition to the one in force.

use std::cell::RefCell;

use registry_auth_engine::authn::cache::IdentityCache;
use registry_auth_engine::engine::{Difference, Shadow, ShadowOutcome};
use registry_auth_engine::facts::Facts;
use registry_auth_engine::record::Other;
use registry_auth_engine::request::RequestHead;

use crate::host;
use crate::metrics::{Counted, Metrics};
use crate::verifier::HostVerifier;

/// The next policy, with callers of its own.
pub(crate) struct NextPolicy {
    shadow: Shadow,
    identities: RefCell<IdentityCache>,
}

/// What the next policy says of a request.
pub(crate) struct NextVerdict {
    outcome: ShadowOutcome,
    /// The value of `Warning` for the client.
    pub(crate) warning: Option<String>,
}

impl NextPolicy {
    pub(crate) fn new(shadow: Shadow) -> Self {
        let identities = IdentityCache::with_key(host::random_bytes());
        Self {
            shadow,
            identities: RefCell::new(identities),
        }
    }

    /// Says what the next policy says of a request that is decided with these facts, and counts
    /// where it differs.
    #[cold]
    #[inline(never)]
    pub(crate) fn compare(
        &self,
        head: &RequestHead<'_>,
        facts: &Facts<'_>,
        verifier: HostVerifier,
        is_granted: bool,
        metrics: &Metrics,
    ) -> Option<NextVerdict> {
        let mut identities = self.identities.borrow_mut();
        let outcome = self
            .shadow
            .decide(head, facts, &mut identities, &verifier)?;
        let difference = outcome.difference(is_granted);
        if let Some(difference) = difference {
            let newly_refused = difference == Difference::NewlyRefused;
            metrics.increment(Counted::Shadow(newly_refused));
        }
        let warning = if difference == Some(Difference::NewlyRefused) {
            self.shadow.warning(&outcome)
        } else {
            None
        };
        Some(NextVerdict { outcome, warning })
    }
}

impl NextVerdict {
    /// The same for the record.
    pub(crate) fn shown(&self) -> Other<'_> {
        let (decision, reason, detail, rule) = match &self.outcome {
            ShadowOutcome::Granted(rule) => ("allow", None, None, Some(rule.as_str())),
            ShadowOutcome::Refused(reason, detail, _) => {
                ("deny", Some(*reason), detail.as_deref(), None)
            }
            ShadowOutcome::Unknown => ("unknown", None, None, None),
        };
        Other {
            decision,
            reason,
            detail,
            rule,
        }
    }
}
