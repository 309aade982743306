//! An OIDC issuer with its audiences and its claim mapping.

use std::sync::Arc;
use std::time::Duration;

use crate::authn::authenticated::Authenticated;
use crate::authn::claims::Claims;
use crate::authn::identity::{Identity, User};
use crate::authn::issuer;
use crate::authn::mapping::ClaimMapping;
use crate::authn::token::UnverifiedToken;
use crate::authn::token_context::{AuthnError, TokenContext};
use crate::authn::verify::{Expected, KeyIdRule, TokenKind};
use crate::keys::algorithm::Algorithm;
use crate::keys::source::SourceId;
use crate::reason::Reason;
use crate::time::UnixTime;
use crate::trace::Recorder;

/// One entry of `http.auth.bearer.oidc`, ready to run.
#[derive(Debug)]
pub struct Provider {
    pub(crate) issuer: String,
    pub(crate) audiences: Vec<String>,
    pub(crate) skip_issuer_verification: bool,
    pub(crate) clock_skew: Duration,
    pub(crate) mapping: ClaimMapping,
    pub(crate) source: SourceId,
}

impl Provider {
    /// Returns true if the token may be for this provider, going by its unverified claims: enough
    /// to refuse, never to grant.
    pub(crate) fn may_take(&self, token: &UnverifiedToken<'_>) -> bool {
        let audiences = token
            .claims_unverified()
            .audiences()
            .ok()
            .flatten()
            .unwrap_or_default();
        audiences
            .iter()
            .any(|audience| self.audiences.iter().any(|ours| ours == audience))
    }

    /// Returns true if the token says that this issuer made it.
    pub(crate) fn is_named_by(&self, token: &UnverifiedToken<'_>) -> bool {
        self.is_named_in(token.claims_unverified())
    }

    /// Returns true if a token with these claims says that this issuer made it.
    fn is_named_in(&self, claims: &Claims) -> bool {
        let claimed = claims.issuer();
        matches!(claimed, Ok(Some(claimed)) if issuer::is_named(&self.issuer, claimed))
    }

    /// Returns what a token of this issuer must contain.
    fn expected<'a>(&'a self, algorithms: Option<&'a [Algorithm]>) -> Expected<'a> {
        Expected {
            kind: TokenKind::Oidc,
            issuer: if self.skip_issuer_verification {
                None
            } else {
                Some(self.issuer.as_str())
            },
            audiences: &self.audiences,
            clock_skew: self.clock_skew,
            key_id: KeyIdRule::IfPresent,
            algorithms,
        }
    }

    /// Maps claims that nobody has signed, after the checks that a token of them would have to
    /// pass. For explanations and tests: what it returns proves nothing.
    ///
    /// # Errors
    /// Why a token with these claims would be refused.
    pub(crate) fn map_unproven(
        &self,
        claims: &Claims,
        now: UnixTime,
        recorder: Recorder<'_>,
    ) -> Result<User, Reason> {
        if !self.skip_issuer_verification && !self.is_named_in(claims) {
            return Err(Reason::UnknownIssuer);
        }
        self.expected(None).check(claims, now)?;
        Ok(self.mapping.map(claims.as_map(), true, recorder)?)
    }

    /// Authenticates a caller with a token of this issuer: issuer, claims, signature, mapping, in
    /// this order.
    ///
    /// # Errors
    /// `UnknownIssuer` for a token of another issuer; a [`AuthnError::Need`] when keys are missing;
    /// otherwise the refusal.
    pub(crate) fn authenticate(
        &self,
        context: &TokenContext<'_>,
    ) -> Result<Authenticated, AuthnError> {
        if !self.skip_issuer_verification && !self.is_named_by(context.token) {
            return Err(Reason::UnknownIssuer.into());
        }
        let keys = context.keys_of(self.source)?;
        let expected = self.expected(keys.algorithms.as_deref());
        let verified = context.verify(self.source, keys, &expected)?;
        let user = self
            .mapping
            .map(
                verified.claims().as_map(),
                context.keeps_claims(),
                context.recorder,
            )
            .map_err(Reason::from)?;
        Ok(Authenticated {
            identity: Arc::new(Identity::Authenticated(user)),
            access: None,
            keys: Some((self.source, keys.version)),
            expires: verified.expires(),
            bound_to: verified.claims().bound_to().map(Into::into),
            login: None,
            shown: context.shown(verified.claims().as_map()),
        })
    }
}
