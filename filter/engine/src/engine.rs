//! The composition: request head to verdict.

use std::sync::Arc;

use registry_auth_cel::Document;

use crate::access::AccessSet;
use crate::authn::bearer::Bearer;
use crate::authn::cache::{IdentityCache, Proof, Proven};
use crate::authn::credential::Credential;
use crate::authn::identity::{Identity, User};
use crate::authn::mtls::Mtls;
use crate::authn::prove::{self, PolicyView, Presented, Stop};
use crate::authn::provider::Provider;
use crate::authn::verify::SignatureVerifier;
use crate::authority::{Authority, Caller, Refusal};
use crate::authz::{Policy, RequestFacts};
use crate::catalog::{Listing, Step};
use crate::decision::{Answer, Denial, Grant, GrantRule, Verdict};
use crate::facts::{Facts, Need};
use crate::keys::source::{HeldKeys, Source};
use crate::media::may_be_form;
use crate::ping::{self, PingAnswer};
use crate::reason::Reason;
use crate::reply::Realm;
use crate::request::{Connection, RequestHead};
use crate::route::{Route, Surface, without_mount};
use crate::scope::Scope;
use crate::time::UnixTime;
use crate::token_endpoint::mint::Mint;

/// One configuration, compiled: it cannot be wrong any more.
#[derive(Debug)]
pub struct Engine {
    pub(crate) surface: Surface,
    pub(crate) realm: Realm,
    pub(crate) providers: Vec<Provider>,
    pub(crate) bearer: Option<Bearer>,
    pub(crate) mtls: Option<Mtls>,
    pub(crate) mint: Option<Mint>,
    pub(crate) policy: Option<Policy>,
    pub(crate) sources: Vec<Source>,
    /// Whether the host can be asked to ask the upstream.
    pub(crate) asks_upstream: bool,
    /// Mounts are forwarded where their sources may be read (`proxy.mounts`).
    pub(crate) forwards_mounts: bool,
    pub(crate) ping: PingAnswer,
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

    /// Whether some condition looks at headers that say something about the client.
    #[must_use]
    pub fn reads_headers(&self) -> bool {
        self.policy.as_ref().is_some_and(Policy::reads_headers)
    }

    /// Whether some condition looks at the client's address, which the proxy has to set.
    #[must_use]
    pub fn reads_client_address(&self) -> bool {
        self.policy.as_ref().is_some_and(|policy| policy.client_readers().is_some())
    }

    /// Whether client certificates count, so that the host has to tell the connection's.
    #[must_use]
    pub const fn reads_certificate(&self) -> bool {
        self.mtls.is_some()
    }

    /// The `Authorization` that a question of the filter itself is asked with at a registry that wants tokens which are minted
    /// here; nothing if none are, or the key is not there. `scope` is what the question needs.
    #[must_use]
    pub fn own_authorization(&self, scope: Scope, keys: &HeldKeys, now: UnixTime) -> Option<String> {
        let mint = self.mint.as_ref()?;
        Some(mint.own_authorization(scope, keys.signing(mint.own.source)?, now))
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
            Err(End::Answer(answer)) => Verdict::Answer(Answer { reply: answer.reply.at(head.path), ..answer }),
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
        let denied = |reason| {
            let wrong_method = reason == Reason::MethodNotAllowed;
            let allow = if wrong_method { Route::methods(head.path, &self.surface) } else { String::new() };
            Denial { allow, ..Denial::new(reason) }
        };
        let route = Route::parse(head.method, head.path, &self.surface).map_err(denied)?;
        if route == Route::Token {
            // The only method that may be missing here is POST, where bodies are not read.
            let allow = |reason| if reason == Reason::MethodNotAllowed { "GET".to_owned() } else { String::new() };
            let denied = |reason| Denial { asked_for_token: true, allow: allow(reason), ..Denial::new(reason) };
            return Err(match self.issue(head, facts, cache, verifier) {
                Ok(answer) => End::Answer(answer),
                Err(Stop::Deny(reason)) => End::Deny(denied(reason)),
                Err(Stop::Need(need)) => End::Need(need),
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
            Stop::Deny(reason) => End::Deny(Denial { scope: access.scope(), ..Denial::new(reason) }),
            Stop::Need(need) => End::Need(need),
        };
        let credential = Credential::read(&head.authorization).map_err(|reason| stopped(reason.into()))?;
        let proven = self.identify(&credential, &head.connection, facts, cache, verifier).map_err(stopped)?;
        let caller = proven.as_deref().map_or_else(Caller::anonymous, Caller::from);
        let request = RequestFacts::new(head, facts.now);
        let authority = self.authority(&caller, &request, facts);
        let grant = |rule| Grant::new(Arc::clone(&caller.identity), rule, route.payload());
        let refused = |refusal| caller.refused(refusal, &access);
        match &access {
            AccessSet::Credential => {
                let grant = authority.ping().map(grant).map_err(refused)?;
                if !self.ping.is_own(&head.authorization) {
                    return Ok(grant);
                }
                let username = caller.identity.username().into();
                Err(End::Answer(Answer { reply: ping::reply(), label: "ping", username }))
            }
            AccessSet::Nothing | AccessSet::Identity => authority.enter().map(grant).map_err(refused),
            AccessSet::Checks(checks) => authority.all(checks).map(grant).map_err(refused),
            AccessSet::Tags(pushes) => authority.push(pushes, self.asks_upstream).map(grant).map_err(refused),
            AccessSet::Mount(create, sources) => {
                let grant = authority.check(create).map(grant).map_err(refused)?;
                let target = std::str::from_utf8(head.path).unwrap_or_default();
                let is_forwarded = self.forwards_mounts && authority.may_mount(sources);
                Ok(if is_forwarded { grant } else { grant.redirected(without_mount(target)) })
            }
            AccessSet::Catalog => match authority.list(self.asks_upstream).map_err(refused)? {
                GrantRule::Identity => list(&route, &authority),
                rule => Ok(grant(rule)),
            },
        }
    }

    /// The caller before the rules.
    pub(crate) fn authority<'a>(
        &'a self,
        caller: &'a Caller,
        request: &'a RequestFacts<'a>,
        facts: &'a Facts<'a>,
    ) -> Authority<'a> {
        let bypass = self.bearer.as_ref().is_some_and(|bearer| bearer.bypass_access_control);
        Authority { caller, policy: self.policy.as_ref(), bypass, request, facts }
    }

    /// Who asks; nobody if nothing is presented. What is presented decides alone: a bad credential is never taken as none.
    pub(crate) fn identify(
        &self,
        credential: &Credential<'_>,
        connection: &Connection<'_>,
        facts: &Facts<'_>,
        cache: &mut IdentityCache,
        verifier: &dyn SignatureVerifier,
    ) -> Result<Option<Arc<Proven>>, Stop> {
        let Credential::Token(token) = credential else { return Ok(self.holder(connection, facts, cache)?) };
        let proven = self.prove(token, facts, cache, verifier)?;
        match &self.mtls {
            Some(mtls) if !mtls.may_carry(&proven, connection) => Err(Reason::WrongCertificate.into()),
            _ => Ok(Some(proven)),
        }
    }

    /// Who the client certificate names; nobody if none was presented. One that names nobody is refused.
    fn holder(
        &self,
        connection: &Connection<'_>,
        facts: &Facts<'_>,
        cache: &mut IdentityCache,
    ) -> Result<Option<Arc<Proven>>, Reason> {
        let Some(mtls) = self.mtls.as_ref().filter(|_| connection.has_certificate()) else { return Ok(None) };
        let pem = connection.certificate;
        if let Some(proven) = cache.get(Proof::Certificate(pem), facts.keys, facts.now) {
            return Ok(Some(proven));
        }
        let user = mtls.name(pem, facts.now).and_then(|(name, expires)| {
            let groups = self.groups_of(&name);
            Some((User::new(name, groups, Document::empty())?, expires))
        });
        let (user, expires) = user.ok_or(Reason::UnusableCertificate)?;
        let identity = Arc::new(Identity::Authenticated(user));
        let proven = Arc::new(Proven { identity, access: None, keys: None, expires, bound_to: None });
        cache.put(Proof::Certificate(pem), Arc::clone(&proven));
        Ok(Some(proven))
    }

    /// Who a token proves: from the cache, or the first provider in order that takes it, or the token server.
    fn prove(
        &self,
        compact: &[u8],
        facts: &Facts<'_>,
        cache: &mut IdentityCache,
        verifier: &dyn SignatureVerifier,
    ) -> Result<Arc<Proven>, Stop> {
        if let Some(proven) = cache.get(Proof::Token(compact), facts.keys, facts.now) {
            return Ok(proven);
        }
        // Not before: the cache holds well-formed tokens only.
        let token = &prove::read(compact)?;
        let groups_of = |user: &str| self.groups_of(user);
        let policy = self.policy.as_ref().map(|policy| PolicyView {
            reads_claims: policy.reads_claims(),
            claims_read: policy.claims_read(),
            groups_of: &groups_of,
        });
        let proven = self.verify(&Presented { token, facts, verifier, policy })?;
        let proven = Arc::new(proven);
        cache.put(Proof::Token(compact), Arc::clone(&proven));
        Ok(proven)
    }

    /// The groups of the configuration that name a user.
    fn groups_of(&self, user: &str) -> Vec<String> {
        self.policy.as_ref().map(|policy| policy.groups_of(user)).unwrap_or_default()
    }

    fn verify(&self, presented: &Presented<'_>) -> Result<Proven, Stop> {
        if let Some(mint) = &self.mint
            && presented.token.claims_unverified().issuer() == Ok(Some(mint.issuer.as_str()))
        {
            return mint.own.prove(presented);
        }
        let mut closest = Reason::UnknownIssuer;
        for provider in &self.providers {
            match provider.prove(presented) {
                Ok(proven) => return Ok(proven),
                Err(Stop::Need(need)) => return Err(Stop::Need(need)),
                // It might have taken the token: no later one answers for it while its keys cannot be had.
                Err(stop @ Stop::Deny(Reason::KeysUnavailable)) if provider.may_take(presented.token) => {
                    return Err(stop);
                }
                Err(Stop::Deny(reason)) if nearness(reason) > nearness(closest) => closest = reason,
                Err(Stop::Deny(_)) => {}
            }
        }
        let Some(bearer) = &self.bearer else { return Err(closest.into()) };
        match bearer.prove(presented) {
            Ok(proven) => Ok(proven),
            // Somebody else's token: say so, and ask nobody for keys because of it.
            Err(_) if closest != Reason::UnknownIssuer => Err(closest.into()),
            Err(stop) => Err(stop),
        }
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

/// How far a token came with a provider: the refusal that is nearest to success says most.
const fn nearness(reason: Reason) -> u8 {
    match reason {
        Reason::UnknownIssuer => 0,
        Reason::WrongAudience => 1,
        _ => 2,
    }
}
