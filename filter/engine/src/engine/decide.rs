//! From a request to a verdict: route, credential, rules.

use std::sync::Arc;
use std::time::Duration;

use crate::access::{AccessSet, Check};
use crate::authn::authenticated::Authenticated;
use crate::authn::cache::IdentityCache;
use crate::authn::credential;
use crate::authn::identity::Identity;
use crate::authn::token_context::AuthnError;
use crate::authn::verify::SignatureVerifier;
use crate::authorizer::{Authorizer, AuthzError, Caller};
use crate::authz::{Policy, RequestFacts};
use crate::catalog::{Listing, Step};
use crate::decision::{Denied, Grant, GrantRule, LocalReply, Verdict};
use crate::engine::Engine;
use crate::facts::{Facts, Need};
use crate::login::LoginAnswer;
use crate::media::may_be_form;
use crate::ping;
use crate::reason::Reason;
use crate::reply;
use crate::request::RequestHead;
use crate::route::{LoginRoute, Payload, Route, without_mount};
use crate::time::UnixTime;
use crate::topic::{Operation, Topic};
use crate::trace::{self, Recorder, Subject};

/// A request that is being decided, with everything that the verdict depends on.
pub(super) struct Decision<'a> {
    pub(super) engine: &'a Engine,
    pub(super) head: &'a RequestHead<'a>,
    pub(super) facts: &'a Facts<'a>,
    pub(super) cache: &'a mut IdentityCache,
    pub(super) verifier: &'a dyn SignatureVerifier,
    pub(super) recorder: Recorder<'a>,
    /// How long the caller has to wait who guessed too many passwords before.
    pub(super) wait: Option<Duration>,
    /// What the request is about, as far as it was read.
    pub(super) topic: Topic,
}

/// A verdict other than [`Verdict::Allow`]: the error of a decision, so that `?` ends it and never
/// grants.
///
/// Boxed, so that a grant is not moved in the room of a refusal.
pub(super) enum NotGranted {
    Reply(Box<LocalReply>),
    Deny(Box<Denied>),
    Need(Need),
}

impl From<Denied> for NotGranted {
    fn from(denied: Denied) -> Self {
        Self::Deny(Box::new(denied))
    }
}

impl Decision<'_> {
    /// The verdict.
    pub(super) fn verdict(mut self) -> Verdict {
        match self.judge() {
            Ok(mut grant) => {
                grant.set_topic(self.topic);
                Verdict::Allow(grant)
            }
            Err(NotGranted::Reply(local)) => Verdict::Reply(LocalReply {
                reply: local.reply.at(self.head.path),
                topic: self.topic,
                ..*local
            }),
            Err(NotGranted::Deny(denied)) => Verdict::Deny(self.completed(*denied)),
            Err(NotGranted::Need(need)) => Verdict::Need(need),
        }
    }

    fn judge(&mut self) -> Result<Grant, NotGranted> {
        let (engine, head) = (self.engine, self.head);
        let denied = |reason| Denied {
            allow: engine.allowed(reason, head),
            ..Denied::new(reason)
        };
        let route = Route::parse(head.method, head.path, &engine.routes).map_err(denied)?;
        if route == Route::Token {
            self.topic.set_operation(Operation::Token);
            return Err(self.token());
        }
        if matches!(route, Route::PushManifest(..))
            && head.content_types.iter().any(|value| may_be_form(value))
        {
            return Err(denied(Reason::ManifestInvalid).into());
        }
        let access = AccessSet::of(&route);
        self.topic.set_operation(Operation::of(&access));
        self.note_request(&access);
        if let Route::Login(login) = route {
            self.topic.set_operation(Operation::Page);
            return self.page(login);
        }
        if access == AccessSet::Nothing {
            return Ok(Grant::new(
                Arc::new(Identity::Anonymous),
                GrantRule::Public,
                route.payload(),
            ));
        }
        let stopped = |stop| match stop {
            AuthnError::Deny(reason) => Denied {
                scope: access.scope(),
                ..Denied::new(reason)
            }
            .into(),
            AuthnError::Need(need) => NotGranted::Need(need),
        };
        let credential = self
            .presented(false)
            .map_err(|reason| stopped(reason.into()))?;
        let authenticated = self.identify(&credential).map_err(stopped)?;
        let caller = authenticated
            .as_deref()
            .map_or_else(Caller::anonymous, Caller::from);
        self.authorize(&caller, &route, &access)
    }

    /// Decides what a caller may do, whoever that is and however it is known.
    pub(super) fn authorize(
        &self,
        caller: &Caller,
        route: &Route<'_>,
        access: &AccessSet<'_>,
    ) -> Result<Grant, NotGranted> {
        let (engine, head) = (self.engine, self.head);
        self.record_caller(caller);
        let request = RequestFacts::new(head, self.time_for(caller)?).recorded(self.recorder);
        let authorizer = self.authorizer(caller, &request);
        let grant = |rule| Grant::new(Arc::clone(&caller.identity), rule, route.payload());
        let refused = |refusal| caller.refused(refusal, access);
        match access {
            AccessSet::Credential => {
                let grant = authorizer.ping().map(grant).map_err(refused)?;
                if !engine.ping.is_own(&head.authorization) {
                    return Ok(grant);
                }
                Err(NotGranted::Reply(Box::new(LocalReply::new(
                    reply::PING,
                    caller.identity.username(),
                    ping::reply(),
                ))))
            }
            AccessSet::Nothing | AccessSet::Identity => {
                authorizer.enter().map(grant).map_err(refused)
            }
            AccessSet::Checks(checks) => authorizer.all(checks).map(grant).map_err(refused),
            AccessSet::Tags(pushes) => authorizer
                .push(pushes, engine.asks_upstream)
                .map(grant)
                .map_err(refused),
            AccessSet::Mount(create, sources) => {
                let grant = authorizer.check(create).map(grant).map_err(refused)?;
                let target = std::str::from_utf8(head.path).unwrap_or_default();
                let is_forwarded = engine.forwards_mounts && authorizer.may_mount(sources);
                Ok(if is_forwarded {
                    grant
                } else {
                    grant.redirected(without_mount(target))
                })
            }
            AccessSet::Catalog => match authorizer.list(engine.asks_upstream).map_err(refused)? {
                GrantRule::Identity => list(route, &authorizer),
                rule => Ok(grant(rule)),
            },
        }
    }

    /// The time that rights are decided at: the exact one where a right depends on it, by a condition
    /// or by an `access` claim of which a part ends; else any will do.
    fn time_for(&self, caller: &Caller) -> Result<UnixTime, NotGranted> {
        let has_ends = caller.claim.as_ref().is_some_and(|claim| claim.has_ends());
        let is_read = self.engine.policy.as_ref().is_some_and(Policy::reads_time);
        if has_ends || is_read {
            self.facts.now.exact().map_err(NotGranted::Need)
        } else {
            Ok(self.facts.now.latest())
        }
    }

    /// The token endpoint, which answers itself.
    fn token(&mut self) -> NotGranted {
        // The only method that may be missing here is POST, where bodies are not read.
        let allow = |reason| {
            if reason == Reason::MethodNotAllowed {
                "GET".to_owned()
            } else {
                String::new()
            }
        };
        let denied = |reason| Denied {
            asked_for_token: true,
            allow: allow(reason),
            ..Denied::new(reason)
        };
        match self.issue() {
            Ok(reply) => NotGranted::Reply(Box::new(reply)),
            Err(AuthnError::Deny(reason)) => denied(reason).into(),
            Err(AuthnError::Need(need)) => NotGranted::Need(need),
        }
    }

    /// A page of the login service, or its API: it gets to know who asks. Everybody may have pages;
    /// a session that has ended is treated as absent there.
    fn page(&mut self, route: LoginRoute) -> Result<Grant, NotGranted> {
        let stopped = |stop| match stop {
            AuthnError::Deny(reason) => Denied::from(reason).into(),
            AuthnError::Need(need) => NotGranted::Need(need),
        };
        let credential = self
            .presented(true)
            .map_err(|reason| stopped(reason.into()))?;
        let authenticated = self.identify(&credential).map_err(stopped)?;
        // A preflight comes without a credential (Fetch, "CORS-preflight request").
        let is_open = route == LoginRoute::Page || self.head.method == b"OPTIONS";
        let caller = authenticated.as_deref().and_then(Authenticated::caller);
        if caller.is_none() && !is_open {
            return Err(Denied::new(Reason::NoCredential).into());
        }
        let identity = authenticated
            .as_deref()
            .map_or_else(Caller::anonymous, Caller::from)
            .identity;
        Ok(Grant::new(identity, GrantRule::Login, Payload::Any).for_page(caller))
    }

    /// A refusal with its cause, and with what the login service and the user interface have to do
    /// with it.
    fn completed(&self, denied: Denied) -> Denied {
        let answer = self.facts.gathered.login.as_ref();
        let is_unauthorized = denied.reason.descriptor().status == 401;
        let has_session = credential::session(&self.head.cookies).is_some();
        // A part of a second is one: the client would come too early otherwise.
        let seconds = |wait: Duration| u32::try_from(wait.as_millis().div_ceil(1000)).ok();
        let wait = self.wait.and_then(seconds);
        let cause = self.recorder.cause(denied.reason);
        let (cause, detail) = cause.map(|cause| (cause.text, cause.detail)).unzip();
        Denied {
            cause,
            detail: denied.detail.or(detail.flatten()),
            retry_after: answer.and_then(LoginAnswer::retry_after).or(wait),
            is_for_ui: self.is_ui(),
            ends_session: self.is_ui() && is_unauthorized && has_session,
            topic: self.topic,
            ..denied
        }
    }

    /// What applies the rules to this request.
    pub(super) fn authorizer<'c>(
        &'c self,
        caller: &'c Caller,
        request: &'c RequestFacts<'c>,
    ) -> Authorizer<'c> {
        let bypass = self
            .engine
            .bearer
            .as_ref()
            .is_some_and(|bearer| bearer.bypass_access_control);
        Authorizer {
            caller,
            policy: self.engine.policy.as_ref(),
            bypass,
            request,
            facts: self.facts,
            recorder: self.recorder,
        }
    }

    /// Notes what the request is about: its own repository, and not those that a mount takes from.
    fn note_request(&self, access: &AccessSet<'_>) {
        self.recorder.note(|subject| match access {
            AccessSet::Nothing
            | AccessSet::Credential
            | AccessSet::Identity
            | AccessSet::Catalog => {}
            AccessSet::Checks(checks) => checks.iter().for_each(|check| add(subject, check)),
            AccessSet::Tags(pushes) => {
                let both = pushes
                    .iter()
                    .flat_map(|push| push.missing.iter().chain(&push.existing));
                both.for_each(|check| add(subject, check));
            }
            AccessSet::Mount(create, _) => add(subject, create),
        });
    }

    /// Records who the caller is.
    fn record_caller(&self, caller: &Caller) {
        self.recorder.record(|| trace::Step::Caller {
            user: caller.identity.username().to_owned(),
            groups: caller.identity.groups().to_vec(),
        });
    }
}

impl Engine {
    /// The methods of an endpoint, for whoever has asked it by another one.
    pub(super) fn allowed(&self, reason: Reason, head: &RequestHead<'_>) -> String {
        if reason == Reason::MethodNotAllowed {
            Route::methods(head.path, &self.routes)
        } else {
            String::new()
        }
    }
}

impl Caller {
    fn refused(&self, refusal: AuthzError, access: &AccessSet<'_>) -> NotGranted {
        let known = |reason, detail, scope| {
            let username = Some(self.identity.username().into());
            Denied {
                detail,
                scope,
                username,
                ..Denied::new(reason)
            }
        };
        let denied = match refusal {
            AuthzError::Need(need) => return NotGranted::Need(need),
            AuthzError::NoCredential => Denied {
                scope: access.scope(),
                ..Denied::new(Reason::NoCredential)
            },
            AuthzError::InsufficientScope => known(Reason::InsufficientScope, None, access.scope()),
            AuthzError::Policy(message) => known(Reason::PolicyDenied, message, access.scope()),
        };
        denied.into()
    }
}

/// Adds a check to what the decision is about.
fn add(subject: &mut Subject, check: &Check<'_>) {
    let action = check.action.name();
    if !subject.actions.contains(&action) {
        subject.actions.push(action);
    }
    if subject.repository.is_empty() {
        check.repository.clone_into(&mut subject.repository);
        check.reference.clone_into(&mut subject.reference);
    }
}

/// The catalog as far as the caller may read it.
fn list(route: &Route<'_>, authorizer: &Authorizer<'_>) -> Result<Grant, NotGranted> {
    let identity = &authorizer.caller.identity;
    let denied = |reason| Denied {
        username: Some(identity.username().into()),
        ..Denied::new(reason)
    };
    let Route::Catalog(query) = route else {
        return Err(denied(Reason::NotReady).into());
    };
    let step = match &authorizer.facts.gathered.catalog {
        None => Listing::begin(query),
        Some((listing, page)) => listing.clone().take(page, |name| authorizer.may_list(name)),
    };
    Err(match step.map_err(denied)? {
        Step::More(listing) => NotGranted::Need(Need::Catalog(listing)),
        Step::Done(reply) => {
            let username = identity.username();
            NotGranted::Reply(Box::new(LocalReply::new(reply::CATALOG, username, reply)))
        }
    })
}

#[cfg(test)]
mod tests;
