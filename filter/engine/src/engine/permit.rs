//! What one action on one repository would get, for those who compare policies: no request has to be
//! made up for it.

use registry_auth_cel::Members;

use super::Engine;
use super::principal::Principal;
use super::simulate::Simulated;
use crate::access::Check;
use crate::authn::issuer::is_named;
use crate::authorizer::{Authorizer, AuthzError};
use crate::authz::{Permission, RequestFacts};
use crate::facts::{Facts, Gathered};
use crate::keys::source::KeyRing;
use crate::reason::Reason;
use crate::request::RequestHead;
use crate::time::UnixTime;
use crate::trace::{Recorder, Trace};

impl Engine {
    /// Says what `principal` would get for one action on one repository. Conditions read the rest of
    /// `req` from `head` and `now`.
    #[must_use]
    pub fn permits(
        &self,
        principal: &Principal,
        permission: &Permission<'_>,
        head: &RequestHead<'_>,
        now: UnixTime,
    ) -> Simulated {
        let trace = Trace::default();
        let caller = match self.caller_of(principal, now, Recorder::of(&trace)) {
            Ok(caller) => caller,
            Err(reason) => return Simulated::Refused(reason, trace.last_message()),
        };
        let keys = KeyRing::of(&self.sources);
        let facts = Facts {
            keys: &keys,
            gathered: &Gathered::default(),
            now: now.into(),
        };
        let authorizer = Authorizer {
            caller: &caller,
            policy: self.policy.as_ref(),
            bypass: false,
            request: &RequestFacts::new(head, now),
            facts: &facts,
            recorder: Recorder::OFF,
        };
        let check = Check {
            action: permission.action,
            repository: permission.repository,
            reference: permission.reference,
        };
        let refused = |reason| Simulated::Refused(reason, None);
        match authorizer.check(&check) {
            Ok(rule) => Simulated::Allowed(rule.to_string()),
            Err(AuthzError::NoCredential) => refused(Reason::NoCredential),
            Err(AuthzError::InsufficientScope) => refused(Reason::InsufficientScope),
            Err(AuthzError::Policy(message)) => {
                Simulated::Refused(Reason::PolicyDenied, message.as_deref().map(str::to_owned))
            }
            Err(AuthzError::Need(_)) => Simulated::Unknown("a fact is missing"),
        }
    }

    /// The claims that the mappings of an issuer may read; `None` if no entry is for this issuer.
    #[must_use]
    pub fn mapping_reads(&self, issuer: &str) -> Option<Members> {
        let mut named = self
            .providers
            .iter()
            .filter(|provider| is_named(&provider.issuer, issuer))
            .peekable();
        named.peek()?;
        let mut reads = Members::default();
        named.for_each(|provider| reads.add(provider.mapping.reads()));
        Some(reads)
    }

    /// The user name and the groups of a caller; none for the anonymous one.
    ///
    /// # Errors
    /// Why a token with these claims would be refused.
    pub fn named(
        &self,
        principal: &Principal,
        now: UnixTime,
    ) -> Result<(String, Vec<String>), Reason> {
        let caller = self.caller_of(principal, now, Recorder::OFF)?;
        let identity = &caller.identity;
        Ok((identity.username().to_owned(), identity.groups().to_vec()))
    }
}
