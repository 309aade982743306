//! What a request would get, for callers whose claims nobody has signed: for explanations, and for
//! the tests in a policy file.
//!
//! The code that decides is the same. What comes out is a report, from which no grant, identity or
//! token can be made.

use std::sync::Arc;

use registry_auth_cel::{Document, Members};

use super::Engine;
use super::decide::{Decision, NotGranted};
use super::identify::nearness;
use super::principal::{Presented, Principal};
use crate::access::AccessSet;
use crate::authn::cache::IdentityCache;
use crate::authn::identity::{Identity, User};
use crate::authn::issuer::is_named;
use crate::authn::provider::Provider;
use crate::authn::verify::PureRust;
use crate::authorizer::Caller;
use crate::authz::Policy;
use crate::decision::Denied;
use crate::facts::{Facts, Gathered, Need, TagAnswer};
use crate::keys::source::KeyRing;
use crate::login;
use crate::reason::Reason;
use crate::reply::Reply;
use crate::request::RequestHead;
use crate::route::Route;
use crate::time::UnixTime;
use crate::token_endpoint::mint::Mint;
use crate::topic::Topic;
use crate::trace::{Recorder, Step, Trace};

/// The most tags that one push sets (`route`), and so the most questions about them.
const QUESTIONS: usize = 64;

/// What is known besides the request.
#[derive(Clone, Copy, Debug)]
pub struct Situation {
    /// Now.
    pub now: UnixTime,
    /// Whether tags that are pushed exist; `None` if the registry does not say.
    pub tags_exist: Option<bool>,
}

/// What a request would get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Simulated {
    /// It would be forwarded; the rule that grants it.
    Allowed(String),
    /// The filter would answer it itself, with what.
    Answered(&'static str),
    /// It would be refused, with the message of the condition or validation that was false.
    Refused(Reason, Option<String>),
    /// Nothing is known about such a request here.
    Unknown(&'static str),
}

/// What a request would get, and the steps to it.
#[derive(Clone, Debug)]
pub struct Report {
    /// What it would get.
    pub outcome: Simulated,
    /// The answer of the filter itself; none if the request goes on, or nothing is known.
    pub reply: Option<Reply>,
    /// The steps.
    pub steps: Vec<Step>,
}

impl Situation {
    /// What the registry would say of a tag.
    pub(super) const fn tag(self) -> TagAnswer {
        match self.tags_exist {
            Some(true) => TagAnswer::Exists,
            Some(false) => TagAnswer::Missing,
            None => TagAnswer::Unknown,
        }
    }
}

impl Simulated {
    /// Returns true if the client would get what it asks for.
    #[must_use]
    pub const fn is_granted(&self) -> bool {
        matches!(self, Self::Allowed(_) | Self::Answered(_))
    }
}

impl Report {
    /// Nothing is known.
    pub(super) const fn unknown(why: &'static str) -> Self {
        Self {
            outcome: Simulated::Unknown(why),
            reply: None,
            steps: Vec::new(),
        }
    }
}

impl Engine {
    /// Says what a request without a credential of its own would get from `principal`.
    #[must_use]
    pub fn simulate(
        &self,
        principal: &Principal,
        head: &RequestHead<'_>,
        situation: Situation,
    ) -> Report {
        let mut gathered = Gathered::default();
        for _ in 0..=QUESTIONS {
            let trace = Trace::default();
            let outcome = self.simulated(principal, head, situation, &mut gathered, &trace);
            if let Some((outcome, reply)) = outcome {
                return Report {
                    outcome,
                    reply,
                    steps: trace.into_steps(),
                };
            }
        }
        Report::unknown("it asks about too many tags")
    }

    /// Returns the policy, for questions about who may do what; none if there is no access control.
    #[must_use]
    pub const fn policy(&self) -> Option<&Policy> {
        self.policy.as_ref()
    }

    /// Returns the patterns that match a repository for a user, the deciding one first; the others
    /// do not count. Takes time with the number of patterns.
    #[must_use]
    pub fn patterns(&self, repository: &str, user: Option<&str>) -> Vec<Arc<str>> {
        let policy = self.policy.as_ref();
        policy.map_or_else(Vec::new, |policy| policy.patterns(repository, user))
    }

    /// The outcome; `None` if something was gathered, with which it has to be decided again.
    fn simulated(
        &self,
        principal: &Principal,
        head: &RequestHead<'_>,
        situation: Situation,
        gathered: &mut Gathered,
        trace: &Trace,
    ) -> Option<(Simulated, Option<Reply>)> {
        let unknown = |why| Some((Simulated::Unknown(why), None));
        let refused = |denied: Denied| {
            let reply = denied.reply(&self.realm, head.path);
            let message = denied.detail.as_deref().map(str::to_owned);
            Some((Simulated::Refused(denied.reason, message), Some(reply)))
        };
        let route = match Route::parse(head.method, head.path, &self.routes) {
            Ok(route) => route,
            Err(reason) => {
                return refused(Denied {
                    allow: self.allowed(reason, head),
                    ..Denied::new(reason)
                });
            }
        };
        let access = AccessSet::of(&route);
        match (&route, &access) {
            (Route::Token, _) => return unknown("the token endpoint needs a real token"),
            (Route::Login(_), _) => return unknown("the login service decides about it"),
            (_, AccessSet::Nothing) => {
                return Some((Simulated::Allowed("publicPaths".to_owned()), None));
            }
            _ => {}
        }
        let recorder = Recorder::of(trace);
        let caller = match self.caller_of(principal, situation.now, recorder) {
            Ok(caller) => caller,
            Err(reason) if self.is_for_others(principal, reason) => {
                return unknown(
                    "no OIDC entry has this issuer, and a token of the token server or of the login service is explained by the token and its keys alone",
                );
            }
            Err(reason) => {
                let (outcome, reply) = refused(Denied {
                    scope: access.scope(),
                    ..Denied::new(reason)
                })?;
                // The message is for whoever asks here, and not for the client.
                let message = trace.last_message();
                return Some(match outcome {
                    Simulated::Refused(reason @ Reason::ValidationFailed, _) => {
                        (Simulated::Refused(reason, message), reply)
                    }
                    other => (other, reply),
                });
            }
        };
        let keys = KeyRing::of(&self.sources);
        let facts = Facts {
            keys: &keys,
            gathered,
            now: situation.now.into(),
        };
        let decision = Decision {
            engine: self,
            head,
            facts: &facts,
            cache: &mut IdentityCache::default(),
            verifier: &PureRust,
            recorder,
            wait: None,
            topic: Topic::default(),
        };
        match decision.authorize(&caller, &route, &access) {
            Ok(grant) => Some((Simulated::Allowed(grant.rule().to_string()), None)),
            Err(NotGranted::Reply(local)) => Some((
                Simulated::Answered(local.label),
                Some(local.reply.at(head.path)),
            )),
            Err(NotGranted::Deny(denied)) => refused(*denied),
            Err(NotGranted::Need(Need::Tag(name))) => {
                gathered.tags.push((name, situation.tag()));
                None
            }
            Err(NotGranted::Need(Need::Catalog(_))) => Some((Simulated::Answered("catalog"), None)),
            Err(NotGranted::Need(_)) => unknown("a fact is missing"),
        }
    }

    fn binds_tokens(&self) -> bool {
        self.mtls.as_ref().is_some_and(|mtls| mtls.bind_tokens)
    }

    pub(super) fn caller_of(
        &self,
        principal: &Principal,
        now: UnixTime,
        recorder: Recorder<'_>,
    ) -> Result<Caller, Reason> {
        let user = match principal {
            Principal::Anonymous => return Ok(Caller::anonymous()),
            Principal::User { name, groups } => {
                let more = self.groups_of(name).into_iter();
                let more = more.filter(|group| !groups.contains(group));
                let groups = groups.iter().cloned().chain(more).collect();
                let claims = Document::empty();
                User::new(name.clone(), groups, claims).ok_or(Reason::NoCredential)?
            }
            Principal::Mapped {
                name,
                groups,
                claims,
            } => {
                let claims = Document::from_some_claims(claims, &Members::All);
                User::new(name.clone(), groups.clone(), claims).ok_or(Reason::NoCredential)?
            }
            Principal::Claims { issuer, claims } => {
                self.user_of(&Presented::with(issuer, claims), now, recorder)?
            }
            Principal::Token { claims } => {
                self.user_of(&Presented::whole(claims), now, recorder)?
            }
        };
        Ok(Caller {
            identity: Identity::Authenticated(user).into(),
            claim: None,
        })
    }

    /// Returns true if a token that no OIDC entry takes may be one of the token server, of the token
    /// endpoint or of the login service: only their keys tell.
    fn is_for_others(&self, principal: &Principal, reason: Reason) -> bool {
        let (claimed, is_whole) = match principal {
            Principal::Claims { issuer, claims } => (Presented::with(issuer, claims), false),
            Principal::Token { claims } => (Presented::whole(claims), true),
            _ => return false,
        };
        let claimed = claimed.issuer();
        if claimed == login::ISSUER {
            return self.login.is_some();
        }
        let is_unknown = reason == Reason::UnknownIssuer;
        // An entry of any issuer is asked before the token server, and its answer is not the last.
        let is_named = self
            .providers
            .iter()
            .any(|provider| is_named(&provider.issuer, claimed));
        is_unknown && (self.bearer.is_some() || self.mint.is_some())
            || is_whole && !is_named && self.bearer.is_some()
    }

    fn user_of(
        &self,
        token: &Presented<'_>,
        now: UnixTime,
        recorder: Recorder<'_>,
    ) -> Result<User, Reason> {
        let mut closest = Reason::UnknownIssuer;
        recorder.record(|| {
            let claims = token.claims(&[], now);
            let audiences = claims.audiences().ok().flatten().unwrap_or_default();
            Step::Token {
                algorithm: None,
                key_id: None,
                issuer: claims.issuer().ok().flatten().map(str::to_owned),
                audiences: audiences.into_iter().map(str::to_owned).collect(),
                expires: claims.expires().ok().flatten().map(UnixTime::secs),
            }
        });
        let claimed = token.issuer();
        // Also where some entry takes tokens of any issuer.
        let is_own = |mint: &Mint| claimed == mint.issuer;
        if claimed == login::ISSUER || self.mint.as_ref().is_some_and(is_own) {
            return Err(closest);
        }
        // In the order in which tokens are tried: the issuer that they name comes first.
        let is_claimed = |entry: &(usize, &Provider)| is_named(&entry.1.issuer, claimed);
        let all = || self.providers.iter().enumerate();
        let others = all().filter(|entry| !is_claimed(entry));
        for (index, provider) in all().filter(is_claimed).chain(others) {
            let claims = token.claims(&provider.audiences, now);
            let mapped = provider.map_unproven(&claims, now, recorder);
            recorder.record(|| Step::Provider {
                place: format!("bearer.oidc[{index}]"),
                issuer: (!provider.skip_issuer_verification).then(|| provider.issuer.clone()),
                audiences: provider.audiences.clone(),
                refused: mapped
                    .as_ref()
                    .err()
                    .map(|reason| reason.descriptor().label),
            });
            match mapped {
                // Nobody shows a certificate here.
                Ok(_) if self.binds_tokens() && claims.bound_to().is_some() => {
                    return Err(Reason::WrongCertificate);
                }
                Ok(user) => return Ok(user),
                Err(reason) if nearness(reason) > nearness(closest) => closest = reason,
                Err(_) => {}
            }
        }
        Err(closest)
    }
}

#[cfg(test)]
pub(super) mod properties;
#[cfg(test)]
mod tests;
