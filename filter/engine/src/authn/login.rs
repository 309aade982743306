//! Tokens of the login service: the one issuer that needs no entry in the configuration, with keys
//! that only the native process pushes.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::authn::access_claim::AccessClaim;
use crate::authn::authenticated::Authenticated;
use crate::authn::claims::Claims;
use crate::authn::identity::{Identity, User};
use crate::authn::login_claims::{LoginClaims, OtherForm, texts};
use crate::authn::token::UnverifiedToken;
use crate::authn::token_context::{AuthnError, TokenContext};
use crate::authn::verify::{Expected, KeyIdRule, TokenKind};
use crate::keys::algorithm::Algorithm;
use crate::keys::source::SourceId;
use crate::login::scope::{KeyScope, MAX_SCOPES};
use crate::login::{Audience, ISSUER, claim};
use crate::reason::Reason;

/// The most time from `iat` to `exp` of a token that stands for a password or an API key.
const MAX_LIFE: Duration = Duration::from_mins(6);

/// The same of a session, which begins with a login and is never prolonged.
const MAX_SESSION: Duration = Duration::from_mins(121);

/// The method of logins at providers, which name the provider too (`openid:NAME`), and one that
/// the configuration names otherwise than logins do.
const OPENID: &str = "openid";
const API_KEY: &str = "apiKey";
const OF_KEY: &str = "apikey";

/// `http.auth.login`, ready to run.
#[derive(Debug)]
pub(crate) struct Login {
    pub(crate) source: SourceId,
    /// The methods that are configured, as the configuration names them.
    pub(crate) methods: Vec<String>,
}

impl Login {
    /// Returns true if a token says to be one of the login service. No other provider may take it.
    pub(crate) fn is_named_by(token: &UnverifiedToken<'_>) -> bool {
        token.claims_unverified().issuer() == Ok(Some(ISSUER))
    }

    /// Returns true if a method of a login is configured: that of a provider is by the provider's
    /// name, or by `openid` for all of them.
    fn has(&self, method: &str) -> bool {
        let is_configured = |name: &str| self.methods.iter().any(|configured| configured == name);
        match method.split_once(':') {
            Some((OPENID, provider)) if !provider.is_empty() => {
                is_configured(OPENID) || is_configured(method)
            }
            Some(_) => false,
            None if method == OPENID => false,
            None if method == OF_KEY => is_configured(API_KEY),
            None => is_configured(method),
        }
    }

    /// Authenticates a user with a token of the login service that came from where its audience
    /// says.
    ///
    /// # Errors
    /// A [`AuthnError::Need`] when keys are missing; otherwise the refusal.
    pub(crate) fn authenticate(
        &self,
        context: &TokenContext<'_>,
        audience: Audience,
        groups_of: &dyn Fn(&str) -> Vec<String>,
    ) -> Result<Authenticated, AuthnError> {
        let keys = context.keys_of(self.source)?;
        let expected = Expected {
            kind: TokenKind::Oidc,
            issuer: Some(ISSUER),
            audiences: &[audience.as_str().to_owned()],
            clock_skew: Duration::ZERO,
            key_id: KeyIdRule::Required,
            algorithms: Some(&[Algorithm::EdDsa]),
        };
        let verified = context.verify(self.source, keys, &expected)?;
        let claims = verified.claims();
        let bad = || AuthnError::from(Reason::BadClaim);
        let login = LoginClaims::read(claims, audience).map_err(|_| bad())?;
        let most = match audience {
            Audience::Login | Audience::Token => MAX_LIFE,
            Audience::Session => MAX_SESSION,
        };
        // One audience, so that no token can come from two places.
        let audiences = claims.audiences().ok().flatten().unwrap_or_default();
        if audiences.len() != 1 || verified.expires() > login.issued.after(most) {
            return Err(bad());
        }
        // Whoever logged in by a method that is gone from the configuration is logged out.
        if !login.methods.iter().all(|method| self.has(method))
            || login.is_ended(keys.ended.as_deref())
        {
            return Err(Reason::SessionEnded.into());
        }
        let access = access(claims).map_err(|_| bad())?;
        let name = claims.subject().ok().flatten().unwrap_or_default();
        let mut known = HashSet::new();
        let groups = login.groups.iter().cloned().chain(groups_of(name));
        let groups = groups.filter(|group| known.insert(group.clone())).collect();
        let user = User::new(name.to_owned(), groups, context.kept(claims)).ok_or_else(bad)?;
        Ok(Authenticated {
            identity: Arc::new(Identity::Authenticated(user)),
            access: access.map(Arc::new),
            keys: Some((self.source, keys.version)),
            expires: verified.expires(),
            bound_to: claims.bound_to().map(Into::into),
            login: Some(Arc::new(login)),
            shown: None,
        })
    }
}

/// What the scopes of an API key cover; nothing if it has none.
fn access(claims: &Claims) -> Result<Option<AccessClaim>, OtherForm> {
    let Some(scopes) = texts(claims, claim::SCOPE)? else {
        return Ok(None);
    };
    if scopes.is_empty() || scopes.len() > MAX_SCOPES {
        return Err(OtherForm);
    }
    let scopes: Option<Vec<_>> = scopes.iter().map(|scope| KeyScope::parse(scope)).collect();
    scopes.map(AccessClaim::of_key).map(Some).ok_or(OtherForm)
}
