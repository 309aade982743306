//! The subject of a minted token: who it is, and all that restricts the credential which the token
//! is issued for.
//!
//! Whatever the token may do, the credential may do at that moment. So the token has the
//! credential's end, what binds it, and the claims that conditions read.

use std::time::Duration;

use registry_auth_cel::Members;
use serde_json::{Value, json};

use crate::authn::access_claim::AccessClaim;
use crate::authn::claims::{CONFIRMATION, THUMBPRINT};
use crate::authn::credential::Credential;
use crate::authn::identity::Identity;
use crate::authn::mtls::thumbprint;
use crate::authn::origin::Origin;
use crate::authn::token_context::{self, AuthnError};
use crate::authorizer::Caller;
use crate::authz::Policy;
use crate::reason::Reason;
use crate::request::Connection;
use crate::scope::Scope;
use crate::time::UnixTime;

/// How far apart the clocks of two proxies may be: one mints, the other verifies.
pub(crate) const CLOCK_SKEW: Duration = Duration::from_secs(10);

/// What a minted token says of its subject.
#[derive(Clone, Debug)]
pub(crate) struct Subject<'a> {
    /// Who it is; anonymous gives a token with an empty `sub`.
    pub(crate) identity: &'a Identity,
    /// What may be done with the token.
    pub(crate) granted: &'a [Scope],
    /// When the token ends; see `Mint::end`.
    pub(crate) expires: UnixTime,
    /// `cnf`, which binds the token as the credential is bound.
    pub(crate) confirmation: Option<Value>,
    /// What else restricts the credential.
    pub(crate) origin: Origin,
}

/// A credential that was authenticated, as far as it restricts its holder.
pub(crate) struct Source {
    /// When it ends; an anonymous caller's never does.
    not_after: Option<UnixTime>,
    confirmation: Option<Value>,
    origin: Origin,
}

impl Source {
    /// Reads what is presented. `policy` is the one whose conditions will be asked.
    ///
    /// # Errors
    /// The credential cannot be read, which does not happen once it was authenticated.
    pub(crate) fn of(
        credential: &Credential<'_>,
        not_after: Option<UnixTime>,
        connection: &Connection<'_>,
        policy: Option<&Policy>,
    ) -> Result<Self, AuthnError> {
        let nothing = Members::default();
        let read = policy.map_or(&nothing, Policy::claims_read);
        let (origin, confirmation) = match (credential, not_after) {
            (Credential::Token(token), _) => {
                let token = token_context::read(token)?;
                let claims = token.claims_unverified();
                (
                    Origin::of_token(claims, read),
                    claims.as_map().get(CONFIRMATION).cloned(),
                )
            }
            // Neither is presented here: a password was exchanged for a token before.
            (Credential::Password(_) | Credential::Session(_), _) => {
                return Err(Reason::MalformedCredential.into());
            }
            (Credential::Anonymous, Some(_)) => {
                let thumbprint = thumbprint(connection).ok_or(Reason::UnusableCertificate)?;
                (
                    Origin::of_certificate(),
                    Some(json!({ THUMBPRINT: thumbprint })),
                )
            }
            (Credential::Anonymous, None) => (Origin::default(), None),
        };
        Ok(Self {
            not_after,
            confirmation,
            origin,
        })
    }
}

impl<'a> Subject<'a> {
    /// The caller with what is granted of a request for a token, restricted as the credential is.
    /// `end` returns when a token ends whose source ends then.
    pub(crate) fn of(
        caller: &'a Caller,
        granted: &'a [Scope],
        source: Source,
        end: impl Fn(Option<UnixTime>) -> UnixTime,
        now: UnixTime,
    ) -> Self {
        let claim = caller.claim.as_deref();
        let not_after = source
            .not_after
            .map(|end| claim.map_or(end, |claim| end.min(end_of(claim, granted, now))));
        let expires = end(not_after);
        // The token says it once, for all the time that it is accepted.
        let lists = |claim: &AccessClaim| {
            claim
                .covers_catalog_until(now)
                .is_some_and(|end| end >= expires.after(CLOCK_SKEW))
        };
        let origin = source.origin.with_catalog(claim.map(lists));
        Self {
            identity: &caller.identity,
            granted,
            expires,
            confirmation: source.confirmation,
            origin,
        }
    }
}

/// When the first of the entries of an `access` claim ends by which something is granted.
fn end_of(claim: &AccessClaim, granted: &[Scope], now: UnixTime) -> UnixTime {
    let end = |scope: &Scope| match scope {
        Scope::Repository(name, actions) => {
            let ends = actions
                .iter()
                .map(|action| claim.covers_until(name, action.name(), now).unwrap_or(now));
            ends.min().unwrap_or(UnixTime::MAX)
        }
        Scope::Catalog => claim.covers_catalog_until(now).unwrap_or(now),
    };
    granted.iter().map(end).min().unwrap_or(UnixTime::MAX)
}
