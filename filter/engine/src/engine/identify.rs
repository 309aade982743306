//! Who the caller is: from the cache, or by authenticating what the client presents.

use std::sync::Arc;

use registry_auth_cel::Document;

use super::decide::Decision;
use crate::authn::authenticated::Authenticated;
use crate::authn::cache::CacheKey;
use crate::authn::credential::Credential;
use crate::authn::identity::{Identity, User};
use crate::authn::login::Login;
use crate::authn::provider::Provider;
use crate::authn::token::UnverifiedToken;
use crate::authn::token_context::{self, AuthnError, PolicyView, TokenContext};
use crate::engine::Engine;
use crate::keys::source::SourceId;
use crate::login::{Audience, LoginPurpose};
use crate::reason::Reason;
use crate::time::UnixTime;
use crate::token_endpoint::mint::Mint;
use crate::topic;
use crate::trace::Step;

impl Decision<'_> {
    /// Returns the caller; `None` if no credential is presented. A bad credential is never treated
    /// as none.
    pub(super) fn identify(
        &mut self,
        credential: &Credential<'_>,
    ) -> Result<Option<Arc<Authenticated>>, AuthnError> {
        let authenticated = match credential {
            Credential::Anonymous => return self.authenticate_certificate(),
            Credential::Session(token) => match self.authenticate_session(token)? {
                Some(authenticated) => authenticated,
                None => return self.authenticate_certificate(),
            },
            Credential::Token(token) => self.authenticate_token(token)?,
            Credential::Password(password) => {
                self.authenticate_password(password, LoginPurpose::Login)?
            }
        };
        self.topic.set_provider(authenticated.provider());
        self.note_caller(&authenticated);
        match &self.engine.mtls {
            Some(mtls) if !mtls.may_carry(&authenticated, &self.head.connection) => {
                Err(Reason::WrongCertificate.into())
            }
            _ => Ok(Some(authenticated)),
        }
    }

    /// Returns the caller that the client certificate names; `None` if none was presented. One that
    /// names no user is refused.
    fn authenticate_certificate(&mut self) -> Result<Option<Arc<Authenticated>>, AuthnError> {
        let (connection, facts) = (&self.head.connection, self.facts);
        let Some(mtls) = self
            .engine
            .mtls
            .as_ref()
            .filter(|_| connection.has_certificate())
        else {
            return Ok(None);
        };
        self.topic.set_provider(topic::Provider::Certificate);
        // Whatever the host says instead, that does not suffice.
        if connection.certificate.is_empty() && self.engine.needs_certificate().is_some() {
            return Err(Reason::UnusableCertificate.into());
        }
        // A summary is known by its digest, which is that of one certificate only.
        let text = match &connection.summary {
            Some(summary) if connection.certificate.is_empty() => summary.digest,
            _ => connection.certificate,
        };
        let known = self.known(CacheKey::Certificate(text));
        if known.is_some() {
            return Ok(known);
        }
        let user = mtls
            .name(connection, facts.now.exact()?)
            .and_then(|(name, expires)| {
                let groups = self.engine.groups_of(&name);
                Some((User::new(name, groups, Document::empty())?, expires))
            });
        let (user, expires) = user.ok_or(Reason::UnusableCertificate)?;
        let identity = Arc::new(Identity::Authenticated(user));
        let authenticated = Arc::new(Authenticated {
            identity,
            access: None,
            keys: None,
            expires,
            bound_to: None,
            login: None,
            shown: None,
        });
        self.cache
            .put(CacheKey::Certificate(text), Arc::clone(&authenticated));
        Ok(Some(authenticated))
    }

    /// The caller from the cache. By a recent time, whoever is authenticated only for a moment longer
    /// is not known.
    #[inline]
    pub(super) fn known(&mut self, key: CacheKey<'_>) -> Option<Arc<Authenticated>> {
        let facts = self.facts;
        self.cache.get(key, facts.keys, facts.now.latest())
    }

    /// The caller that a token authenticates: from the cache, or the first provider that takes it,
    /// or the token server.
    fn authenticate_token(&mut self, compact: &[u8]) -> Result<Arc<Authenticated>, AuthnError> {
        let (engine, facts, verifier) = (self.engine, self.facts, self.verifier);
        if let Some(authenticated) = self.known(CacheKey::Token(compact)) {
            return Ok(authenticated);
        }
        // Not before: everything else depends on it.
        facts.now.exact()?;
        // Not before: the cache holds well-formed tokens only.
        let token = &token_context::read(compact)?;
        let groups_of = |user: &str| engine.groups_of(user);
        let context = TokenContext {
            token,
            facts,
            verifier,
            policy: engine.view(&groups_of),
            shown: &engine.shown_claims,
            recorder: self.recorder,
        };
        self.record_token(token);
        let authenticated = match &engine.login {
            Some(login) if Login::is_named_by(token) => {
                login.authenticate(&context, Audience::Token, &groups_of)
            }
            // Also where some provider takes tokens of any issuer.
            None if Login::is_named_by(token) => Err(Reason::UnknownIssuer.into()),
            Some(_) | None => engine.verify(&context),
        };
        let authenticated =
            authenticated.inspect_err(|_| self.topic.set_provider(engine.named_by(token)))?;
        let authenticated = Arc::new(authenticated);
        self.cache
            .put(CacheKey::Token(compact), Arc::clone(&authenticated));
        Ok(authenticated)
    }
}

impl Decision<'_> {
    /// Notes who vouches for the caller, and what records show of the claims.
    fn note_caller(&self, authenticated: &Authenticated) {
        self.recorder.note(|subject| {
            let source = authenticated.keys.map(|(source, _)| source);
            subject.issuer = source.and_then(|source| self.engine.issuer_of(source));
            subject.claims = authenticated.shown.as_deref().map(str::to_owned);
        });
    }

    /// Records what a token says of itself.
    fn record_token(&self, token: &UnverifiedToken<'_>) {
        self.recorder.record(|| {
            let claims = token.claims_unverified();
            let audiences = claims.audiences().ok().flatten().unwrap_or_default();
            Step::Token {
                algorithm: Some(token.algorithm().name().to_owned()),
                key_id: token.key_id().map(str::to_owned),
                issuer: claims.issuer().ok().flatten().map(str::to_owned),
                audiences: audiences.into_iter().map(str::to_owned).collect(),
                expires: claims.expires().ok().flatten().map(UnixTime::secs),
            }
        });
    }
}

impl Engine {
    /// What the policy reads of a caller.
    pub(super) fn view<'a>(
        &'a self,
        groups_of: &'a dyn Fn(&str) -> Vec<String>,
    ) -> Option<PolicyView<'a>> {
        self.policy.as_ref().map(|policy| PolicyView {
            reads_claims: policy.reads_claims(),
            claims_read: policy.claims_read(),
            groups_of,
        })
    }

    /// Records what a provider says of a token.
    fn record_provider<T>(
        &self,
        context: &TokenContext<'_>,
        provider: &Provider,
        result: &Result<T, AuthnError>,
    ) {
        context.recorder.record(|| {
            let same = |other: &Provider| std::ptr::eq(other, provider);
            let index = self.providers.iter().position(same).unwrap_or_default();
            let refused = result.as_ref().err().and_then(AuthnError::reason);
            Step::Provider {
                place: format!("bearer.oidc[{index}]"),
                issuer: (!provider.skip_issuer_verification).then(|| provider.issuer.clone()),
                audiences: provider.audiences.clone(),
                refused: refused.map(|reason| reason.descriptor().label),
            }
        });
    }

    /// The issuer whose keys these are, if the configuration names it.
    fn issuer_of(&self, source: SourceId) -> Option<String> {
        let known =
            |provider: &&Provider| provider.source == source && !provider.skip_issuer_verification;
        let mint = self.mint.as_ref().filter(|mint| mint.own.source == source);
        let bearer = self.bearer.as_ref();
        let bearer = bearer.filter(|bearer| bearer.source == source);
        let of_provider = self.providers.iter().find(known);
        of_provider
            .map(|provider| provider.issuer.clone())
            .or_else(|| mint.map(|mint| mint.issuer.clone()))
            .or_else(|| bearer?.issuer.clone())
    }

    /// The groups of the configuration that name a user.
    pub(super) fn groups_of(&self, user: &str) -> Vec<String> {
        self.policy
            .as_ref()
            .map(|policy| policy.groups_of(user))
            .unwrap_or_default()
    }

    /// Who has to vouch for a token, by what it says of itself: enough to count by, never to grant.
    #[cold]
    fn named_by(&self, token: &UnverifiedToken<'_>) -> topic::Provider {
        let login = self.login.as_ref().filter(|_| Login::is_named_by(token));
        let is_own =
            |mint: &&Mint| token.claims_unverified().issuer() == Ok(Some(mint.issuer.as_str()));
        let entry = || {
            let named = self.providers.iter().find(|entry| entry.is_named_by(token));
            let any = |entry: &&Provider| entry.skip_issuer_verification && entry.may_take(token);
            named.or_else(|| self.providers.iter().find(any))
        };
        let source = login
            .map(|login| login.source)
            .or_else(|| Some(self.mint.as_ref().filter(is_own)?.own.source))
            .or_else(|| Some(entry()?.source))
            .or_else(|| Some(self.bearer.as_ref()?.source));
        source.map_or(topic::Provider::None, topic::Provider::Source)
    }

    /// Says whose token it is that no entry takes, and which entry may be meant.
    fn unknown_issuer(&self, context: &TokenContext<'_>) -> String {
        let claimed = context.token.claims_unverified().issuer();
        let Ok(Some(claimed)) = claimed else {
            return "the token names no issuer".to_owned();
        };
        let near = self.providers.iter().map(|provider| &provider.issuer);
        let near = near.filter(|issuer| is_like(issuer, claimed));
        let mut cause = format!("no entry has the issuer `{claimed}`");
        for issuer in near {
            cause.push_str(", but one has `");
            cause.push_str(issuer);
            cause.push('`');
        }
        cause
    }

    fn verify(&self, context: &TokenContext<'_>) -> Result<Authenticated, AuthnError> {
        if let Some(mint) = &self.mint
            && context.token.claims_unverified().issuer() == Ok(Some(mint.issuer.as_str()))
        {
            return mint.own.authenticate(context);
        }
        let mut closest = Reason::UnknownIssuer;
        let named = |provider: &&Provider| provider.is_named_by(context.token);
        // The issuer that the token names comes first: an entry that accepts any issuer must not
        // refuse tokens of another entry.
        let others = self.providers.iter().filter(|provider| !named(provider));
        for provider in self.providers.iter().filter(named).chain(others) {
            let result = provider.authenticate(context);
            self.record_provider(context, provider, &result);
            match result {
                Ok(authenticated) => return Ok(authenticated),
                Err(AuthnError::Need(need)) => return Err(AuthnError::Need(need)),
                // This provider may own the token: no later one may accept it while its keys are
                // unavailable.
                Err(error @ AuthnError::Deny(Reason::KeysUnavailable))
                    if provider.may_take(context.token) =>
                {
                    return Err(error);
                }
                Err(AuthnError::Deny(reason)) if nearness(reason) > nearness(closest) => {
                    closest = reason;
                }
                Err(AuthnError::Deny(_)) => {}
            }
        }
        if closest == Reason::UnknownIssuer {
            context
                .recorder
                .because(closest, || self.unknown_issuer(context));
        }
        let Some(bearer) = &self.bearer else {
            return Err(closest.into());
        };
        let result = bearer.authenticate(context);
        let refused = result.as_ref().err().and_then(AuthnError::reason);
        context.recorder.record(|| Step::Provider {
            place: "bearer".to_owned(),
            issuer: bearer.issuer.clone(),
            audiences: bearer.audiences.clone(),
            refused: refused.map(|reason| reason.descriptor().label),
        });
        match result {
            Ok(authenticated) => Ok(authenticated),
            // It is a token of another issuer: report that, and fetch no keys because of it.
            Err(_) if closest != Reason::UnknownIssuer => Err(closest.into()),
            Err(error) => Err(error),
        }
    }
}

/// Returns true if two issuers differ in what is mistaken most: scheme, case, a `/` at the end.
fn is_like(issuer: &str, other: &str) -> bool {
    let [one, two] = [issuer, other].map(|text| {
        let bare = text.split_once("://").map_or(text, |(_, rest)| rest);
        bare.trim_end_matches('/')
    });
    one.eq_ignore_ascii_case(two)
}

/// How far a token came with a provider: the error that is nearest to success is reported.
pub(super) const fn nearness(reason: Reason) -> u8 {
    match reason {
        Reason::UnknownIssuer => 0,
        Reason::WrongAudience => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests;
