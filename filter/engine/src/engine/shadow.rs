//! The next policy, evaluated in addition to the one in force: what it would say, which changes
//! nothing.

use std::sync::Arc;

use super::Engine;
use crate::authn::cache::IdentityCache;
use crate::authn::verify::SignatureVerifier;
use crate::decision::Verdict;
use crate::facts::{Facts, Need};
use crate::reason::Reason;
use crate::reply::warning;
use crate::request::RequestHead;
use crate::route::Route;

/// The next policy. It is an engine of its own, whose verdicts are compared and never applied.
#[derive(Debug)]
pub struct Shadow {
    pub(crate) engine: Box<Engine>,
    /// From when on it will be enforced, if clients are warned.
    pub(crate) warn: Option<String>,
}

/// What the next policy says of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShadowOutcome {
    /// It would be granted; by which rule.
    Granted(String),
    /// It would be refused, with what the client would get to know.
    Refused(Reason, Option<Arc<str>>, String),
    /// It cannot be said without a fact that the policy in force has not needed.
    Unknown,
}

impl Shadow {
    /// Says what the next policy would say of a request that the one in force has decided with these
    /// facts; `None` for a request for a token, which is one for further requests. The cache is its
    /// own: its callers may have other names.
    pub fn decide(
        &self,
        head: &RequestHead<'_>,
        facts: &Facts<'_>,
        cache: &mut IdentityCache,
        verifier: &dyn SignatureVerifier,
    ) -> Option<ShadowOutcome> {
        let route = Route::parse(head.method, head.path, &self.engine.routes);
        if route == Ok(Route::Token) {
            return None;
        }
        let verdict = self.engine.decide(head, facts, cache, verifier);
        Some(match verdict {
            Verdict::Allow(grant) => ShadowOutcome::Granted(grant.rule().to_string()),
            Verdict::Reply(reply) => ShadowOutcome::Granted(reply.label.to_owned()),
            // Whoever gets this far may have a catalog.
            Verdict::Need(Need::Catalog(_)) => ShadowOutcome::Granted("catalog".to_owned()),
            Verdict::Need(_) => ShadowOutcome::Unknown,
            Verdict::Deny(denied) => {
                let said = denied.said();
                ShadowOutcome::Refused(denied.reason, denied.detail, said)
            }
        })
    }

    /// The value of `Warning` for a client that is granted what would be refused; `None` if clients
    /// are not warned.
    #[must_use]
    pub fn warning(&self, outcome: &ShadowOutcome) -> Option<String> {
        let (Some(when), ShadowOutcome::Refused(_, detail, said)) = (&self.warn, outcome) else {
            return None;
        };
        let why = detail.as_deref().unwrap_or(said);
        Some(warning(&format!("{when} refused: {why}")))
    }
}

impl ShadowOutcome {
    /// Returns how the next policy differs from the one in force, which has granted the request or
    /// not: `newly_refused` or `newly_allowed`; `None` if it does not, or nobody knows.
    #[must_use]
    pub const fn difference(&self, is_granted: bool) -> Option<Difference> {
        match (self, is_granted) {
            (Self::Refused(..), true) => Some(Difference::NewlyRefused),
            (Self::Granted(_), false) => Some(Difference::NewlyAllowed),
            (Self::Granted(_) | Self::Refused(..) | Self::Unknown, _) => None,
        }
    }
}

/// How the next policy differs from the one in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// It refuses what is granted.
    NewlyRefused,
    /// It grants what is refused.
    NewlyAllowed,
}

#[cfg(test)]
mod tests;
