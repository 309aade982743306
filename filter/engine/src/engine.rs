//! The composition: request head to verdict.

use std::sync::Arc;

use crate::access::{AccessSet, Check};
use crate::authn::bearer::Bearer;
use crate::authn::cache::{IdentityCache, Proven};
use crate::authn::credential::Credential;
use crate::authn::identity::Identity;
use crate::authn::prove::{Facts, Stop};
use crate::authn::provider::Provider;
use crate::authn::source::Source;
use crate::authn::token::UnverifiedToken;
use crate::authn::verify::SignatureVerifier;
use crate::authz::{self, Permission, Policy, RequestFacts};
use crate::decision::{Denial, Grant, GrantRule, Need, Reason, Verdict};
use crate::reply::Realm;
use crate::request::RequestHead;
use crate::route::{Route, Surface};

/// One configuration, compiled: it cannot be wrong any more.
#[derive(Debug)]
pub struct Engine {
    pub(crate) surface: Surface,
    pub(crate) realm: Realm,
    pub(crate) providers: Vec<Provider>,
    pub(crate) bearer: Option<Bearer>,
    pub(crate) policy: Option<Policy>,
    pub(crate) sources: Vec<Source>,
}

/// What ends a decision before its grant.
enum End {
    Deny(Denial),
    Need(Need),
}

impl From<Denial> for End {
    fn from(denial: Denial) -> Self {
        Self::Deny(denial)
    }
}

impl Engine {
    /// The sources of keys, in the order of their ids.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// What challenges say.
    #[must_use]
    pub const fn realm(&self) -> &Realm {
        &self.realm
    }

    /// Whether some condition looks at the connection, so that the host has to read its attributes.
    #[must_use]
    pub fn reads_connection(&self) -> bool {
        self.policy.as_ref().is_some_and(Policy::reads_connection)
    }

    /// Decides a request. Pure and total: the same arguments give the same verdict, and every input gives one.
    pub fn decide(
        &self,
        head: &RequestHead<'_>,
        facts: &Facts<'_>,
        cache: &mut IdentityCache,
        verifier: &dyn SignatureVerifier,
    ) -> Verdict {
        match self.judge(head, facts, cache, verifier) {
            Ok(grant) => Verdict::Allow(grant),
            Err(End::Deny(denial)) => Verdict::Deny(denial),
            Err(End::Need(need)) => Verdict::Need(need),
        }
    }

    fn judge(
        &self,
        head: &RequestHead<'_>,
        facts: &Facts<'_>,
        cache: &mut IdentityCache,
        verifier: &dyn SignatureVerifier,
    ) -> Result<Grant, End> {
        let route = Route::parse(head.method, head.path, &self.surface).map_err(Denial::new)?;
        let access = AccessSet::of(&route);
        if access == AccessSet::Nothing {
            return Ok(Grant::new(Arc::new(Identity::anonymous()), GrantRule::Public));
        }
        let refuse = |reason| Denial { scope: access.scope(), ..Denial::new(reason) };
        let request = RequestFacts::new(head, facts.now);
        match Credential::read(&head.authorization).map_err(refuse)? {
            Credential::Anonymous => {
                Ok(self.admit_anonymous(&access, &request).ok_or_else(|| refuse(Reason::NoCredential))?)
            }
            Credential::Token(token) => {
                let proven = self.prove(&token, facts, cache, verifier).map_err(|stop| match stop {
                    Stop::Deny(reason) => End::Deny(refuse(reason)),
                    Stop::Need(need) => End::Need(need),
                })?;
                Ok(self.authorize(&proven, &access, &request, facts)?)
            }
        }
    }

    /// Who a token proves: from the cache, or the first provider in order that takes it, or the token server.
    fn prove(
        &self,
        compact: &str,
        facts: &Facts<'_>,
        cache: &mut IdentityCache,
        verifier: &dyn SignatureVerifier,
    ) -> Result<Proven, Stop> {
        if let Some(proven) = cache.get(compact, facts.keys, facts.now) {
            return Ok(proven);
        }
        let proven = self.verify(&UnverifiedToken::parse(compact)?, facts, verifier)?;
        cache.put(compact, proven.clone());
        Ok(proven)
    }

    fn verify(
        &self,
        token: &UnverifiedToken<'_>,
        facts: &Facts<'_>,
        verifier: &dyn SignatureVerifier,
    ) -> Result<Proven, Stop> {
        let mut closest = Reason::UnknownIssuer;
        for provider in &self.providers {
            match provider.prove(token, facts, verifier) {
                Ok(proven) => return Ok(proven),
                Err(Stop::Need(need)) => return Err(Stop::Need(need)),
                Err(Stop::Deny(reason)) if nearness(reason) > nearness(closest) => closest = reason,
                Err(Stop::Deny(_)) => {}
            }
        }
        let Some(bearer) = &self.bearer else { return Err(closest.into()) };
        match bearer.prove(token, facts, verifier) {
            Ok(proven) => Ok(proven),
            // Somebody else's token: say so, and ask nobody for keys because of it.
            Err(_) if closest != Reason::UnknownIssuer => Err(closest.into()),
            Err(stop) => Err(stop),
        }
    }

    fn admit_anonymous(&self, access: &AccessSet<'_>, request: &RequestFacts<'_>) -> Option<Grant> {
        let policy = self.policy.as_ref()?;
        let nobody = Arc::new(Identity::anonymous());
        match access {
            AccessSet::Nothing | AccessSet::Catalog => None,
            AccessSet::Identity => policy.is_anonymous_only().then(|| Grant::new(nobody, GrantRule::Identity)),
            AccessSet::Checks(checks) => {
                let rule = policy.check_all(&nobody, checks, request).ok()?;
                Some(Grant::new(nobody, rule))
            }
        }
    }

    fn authorize(
        &self,
        proven: &Proven,
        access: &AccessSet<'_>,
        request: &RequestFacts<'_>,
        facts: &Facts<'_>,
    ) -> Result<Grant, Denial> {
        let identity = &proven.identity;
        let grant = |rule| Ok(Grant::new(Arc::clone(identity), rule));
        let refuse =
            |reason, detail, scope| Denial { reason, detail, scope, username: Some(identity.username().into()) };
        if let Some(claim) = &proven.access {
            if !claim.covers(access, facts.now) {
                return Err(refuse(Reason::InsufficientScope, None, access.scope()));
            }
            if self.bearer.as_ref().is_some_and(|bearer| bearer.bypass_access_control) {
                return grant(GrantRule::AccessClaim);
            }
        }
        match (access, &self.policy) {
            (AccessSet::Nothing | AccessSet::Identity, _) => grant(GrantRule::Identity),
            (AccessSet::Catalog | AccessSet::Checks(_), None) => grant(GrantRule::NoAccessControl),
            // The whole catalog shows every repository, so it is the administrators'.
            (AccessSet::Catalog, Some(policy)) if policy.is_admin(identity) => {
                grant(GrantRule::Policy("adminPolicy".into()))
            }
            (AccessSet::Catalog, Some(_)) => Err(refuse(Reason::PolicyDenied, None, String::new())),
            (AccessSet::Checks(checks), Some(policy)) => match policy.check_all(identity, checks, request) {
                Ok(rule) => grant(rule),
                Err(message) => Err(refuse(Reason::PolicyDenied, message, String::new())),
            },
        }
    }
}

impl Policy {
    /// Every check must be granted; the message of the first that is not.
    fn check_all(
        &self,
        identity: &Identity,
        checks: &[Check<'_>],
        request: &RequestFacts<'_>,
    ) -> Result<GrantRule, Option<Arc<str>>> {
        let mut granted = Err(None);
        for check in checks {
            let permission =
                Permission { action: check.action, repository: check.repository, reference: check.reference };
            match self.decide(identity, &permission, request) {
                authz::Decision::Granted(rule) => granted = Ok(GrantRule::Policy(rule.to_string().into())),
                authz::Decision::Refused { message } => return Err(message),
            }
        }
        granted
    }
}

/// How far a token came with a provider: the refusal that is nearest to success says most.
const fn nearness(reason: Reason) -> u8 {
    match reason {
        Reason::UnknownIssuer => 0,
        Reason::WrongAudience => 1,
        _ => 2,
    }
}
