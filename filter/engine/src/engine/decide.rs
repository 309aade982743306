//! From a request to a verdict: route, credential, rules.

use std::sync::Arc;

use crate::access::AccessSet;
use crate::authn::cache::IdentityCache;
use crate::authn::credential::Credential;
use crate::authn::identity::Identity;
use crate::authn::token_context::AuthnError;
use crate::authn::verify::SignatureVerifier;
use crate::authority::{Authority, Caller, Refusal};
use crate::authz::RequestFacts;
use crate::catalog::{Listing, Step};
use crate::decision::{Answer, Denial, Grant, GrantRule, Verdict};
use crate::engine::Engine;
use crate::facts::{Facts, Need};
use crate::media::may_be_form;
use crate::ping;
use crate::reason::Reason;
use crate::request::RequestHead;
use crate::route::{Route, without_mount};

/// A request that is being decided, with all that its verdict depends on.
pub(super) struct Decision<'a> {
    pub(super) engine: &'a Engine,
    pub(super) head: &'a RequestHead<'a>,
    pub(super) facts: &'a Facts<'a>,
    pub(super) cache: &'a mut IdentityCache,
    pub(super) verifier: &'a dyn SignatureVerifier,
}

/// What ends a decision without a grant.
enum End {
    Answer(Answer),
    Deny(Denial),
    Need(Need),
}

impl From<Denial> for End {
    fn from(denial: Denial) -> Self {
        Self::Deny(denial)
    }
}

impl Decision<'_> {
    /// The verdict.
    pub(super) fn verdict(mut self) -> Verdict {
        match self.judge() {
            Ok(grant) => Verdict::Allow(grant),
            Err(End::Answer(answer)) => Verdict::Answer(Answer { reply: answer.reply.at(self.head.path), ..answer }),
            Err(End::Deny(denial)) => Verdict::Deny(denial),
            Err(End::Need(need)) => Verdict::Need(need),
        }
    }

    fn judge(&mut self) -> Result<Grant, End> {
        let (engine, head) = (self.engine, self.head);
        let denied = |reason| {
            let wrong_method = reason == Reason::MethodNotAllowed;
            let allow = if wrong_method { Route::methods(head.path, &engine.surface) } else { String::new() };
            Denial { allow, ..Denial::new(reason) }
        };
        let route = Route::parse(head.method, head.path, &engine.surface).map_err(denied)?;
        if route == Route::Token {
            // The only method that may be missing here is POST, where bodies are not read.
            let allow = |reason| if reason == Reason::MethodNotAllowed { "GET".to_owned() } else { String::new() };
            let denied = |reason| Denial { asked_for_token: true, allow: allow(reason), ..Denial::new(reason) };
            return Err(match self.issue() {
                Ok(answer) => End::Answer(answer),
                Err(AuthnError::Deny(reason)) => End::Deny(denied(reason)),
                Err(AuthnError::Need(need)) => End::Need(need),
            });
        }
        if matches!(route, Route::PushManifest(..)) && head.content_types.iter().any(|value| may_be_form(value)) {
            return Err(denied(Reason::ManifestInvalid).into());
        }
        let access = AccessSet::of(&route);
        if access == AccessSet::Nothing {
            return Ok(Grant::new(Arc::new(Identity::Anonymous), GrantRule::Public, route.payload()));
        }
        let stopped = |stop| match stop {
            AuthnError::Deny(reason) => End::Deny(Denial { scope: access.scope(), ..Denial::new(reason) }),
            AuthnError::Need(need) => End::Need(need),
        };
        let credential = Credential::read(&head.authorization).map_err(|reason| stopped(reason.into()))?;
        let authenticated = self.identify(&credential).map_err(stopped)?;
        let caller = authenticated.as_deref().map_or_else(Caller::anonymous, Caller::from);
        let request = RequestFacts::new(head, self.facts.now);
        let authority = self.authority(&caller, &request);
        let grant = |rule| Grant::new(Arc::clone(&caller.identity), rule, route.payload());
        let refused = |refusal| caller.refused(refusal, &access);
        match &access {
            AccessSet::Credential => {
                let grant = authority.ping().map(grant).map_err(refused)?;
                if !engine.ping.is_own(&head.authorization) {
                    return Ok(grant);
                }
                let username = caller.identity.username().into();
                Err(End::Answer(Answer { reply: ping::reply(), label: "ping", username }))
            }
            AccessSet::Nothing | AccessSet::Identity => authority.enter().map(grant).map_err(refused),
            AccessSet::Checks(checks) => authority.all(checks).map(grant).map_err(refused),
            AccessSet::Tags(pushes) => authority.push(pushes, engine.asks_upstream).map(grant).map_err(refused),
            AccessSet::Mount(create, sources) => {
                let grant = authority.check(create).map(grant).map_err(refused)?;
                let target = std::str::from_utf8(head.path).unwrap_or_default();
                let is_forwarded = engine.forwards_mounts && authority.may_mount(sources);
                Ok(if is_forwarded { grant } else { grant.redirected(without_mount(target)) })
            }
            AccessSet::Catalog => match authority.list(engine.asks_upstream).map_err(refused)? {
                GrantRule::Identity => list(&route, &authority),
                rule => Ok(grant(rule)),
            },
        }
    }

    /// The caller before the rules.
    pub(super) fn authority<'c>(&'c self, caller: &'c Caller, request: &'c RequestFacts<'c>) -> Authority<'c> {
        let bypass = self.engine.bearer.as_ref().is_some_and(|bearer| bearer.bypass_access_control);
        Authority { caller, policy: self.engine.policy.as_ref(), bypass, request, facts: self.facts }
    }
}

impl Caller {
    fn refused(&self, refusal: Refusal, access: &AccessSet<'_>) -> End {
        let known = |reason, detail, scope| {
            let username = Some(self.identity.username().into());
            Denial { detail, scope, username, ..Denial::new(reason) }
        };
        End::Deny(match refusal {
            Refusal::Need(need) => return End::Need(need),
            Refusal::NoCredential => Denial { scope: access.scope(), ..Denial::new(Reason::NoCredential) },
            Refusal::InsufficientScope => known(Reason::InsufficientScope, None, access.scope()),
            Refusal::Policy(message) => known(Reason::PolicyDenied, message, access.scope()),
        })
    }
}

/// The catalog as far as the caller may read it.
fn list(route: &Route<'_>, authority: &Authority<'_>) -> Result<Grant, End> {
    let identity = &authority.caller.identity;
    let denial = |reason| Denial { username: Some(identity.username().into()), ..Denial::new(reason) };
    let Route::Catalog(query) = route else { return Err(denial(Reason::NotReady).into()) };
    let step = match &authority.facts.gathered.catalog {
        None => Listing::begin(query),
        Some((listing, page)) => listing.clone().take(page, |name| authority.may_list(name)),
    };
    Err(match step.map_err(denial)? {
        Step::More(listing) => End::Need(Need::Catalog(listing)),
        Step::Done(reply) => End::Answer(Answer { reply, label: "catalog", username: identity.username().into() }),
    })
}
