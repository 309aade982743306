//! Tokens of a Docker token server: one key set, an `access` claim.

use std::sync::Arc;
use std::time::Duration;

use registry_auth_cel::Document;
use serde_json::Value;

use crate::authn::access_claim::AccessClaim;
use crate::authn::authenticated::Authenticated;
use crate::authn::claims::Claims;
use crate::authn::identity::{Identity, User};
use crate::authn::origin::{self, Origin};
use crate::authn::token_context::{AuthnError, TokenContext};
use crate::authn::verify::{Expected, KeyIdRule, TokenKind};
use crate::keys::source::SourceId;
use crate::reason::Reason;

/// The claim of minted tokens that holds the groups of the user.
pub(crate) const GROUPS: &str = "groups";

/// `http.auth.bearer` with `cert` or `awsSecretsManager`, ready to run.
#[derive(Debug)]
pub struct Bearer {
    pub(crate) issuer: Option<String>,
    pub(crate) audiences: Vec<String>,
    pub(crate) key_id: KeyIdRule,
    pub(crate) bypass_access_control: bool,
    /// Leeway for times. Only in tokens that were minted here the claims `groups` and `origin` are
    /// read.
    pub(crate) minted: Option<Duration>,
    pub(crate) source: SourceId,
}

impl Bearer {
    /// Authenticates a caller with a token of the token server.
    ///
    /// # Errors
    /// A [`AuthnError::Need`] when keys are missing; otherwise the refusal.
    pub(crate) fn authenticate(
        &self,
        context: &TokenContext<'_>,
    ) -> Result<Authenticated, AuthnError> {
        let keys = context.keys_of(self.source)?;
        let expected = Expected {
            kind: TokenKind::Traditional,
            issuer: self.issuer.as_deref(),
            audiences: &self.audiences,
            clock_skew: self.minted.unwrap_or_default(),
            key_id: self.key_id,
            algorithms: None,
        };
        let verified = context.verify(self.source, keys, &expected)?;
        let claims = verified.claims();
        let access = AccessClaim::read(claims).map_err(|_| Reason::BadClaim)?;
        let subject = claims
            .subject()
            .map_err(|_| Reason::BadClaim)?
            .unwrap_or_default()
            .to_owned();
        let mut shown = context.shown(claims.as_map());
        let (user, access) = if self.minted.is_some() {
            let origin = Origin::read(claims).ok_or(Reason::BadClaim)?;
            shown = context.shown(origin.claims().as_map());
            (
                minted(subject, claims, &origin, context)?,
                access.minted(&origin),
            )
        } else if origin::is_recorded(claims) {
            // What restricts it is not read here.
            return Err(Reason::BadClaim.into());
        } else {
            (User::new(subject, Vec::new(), context.kept(claims)), access)
        };
        Ok(Authenticated {
            identity: Arc::new(Identity::of(user)),
            access: Some(Arc::new(access)),
            keys: Some((self.source, keys.version)),
            expires: verified.expires(),
            bound_to: claims.bound_to().map(Into::into),
            login: None,
            shown,
        })
    }
}

/// The user of a token that was minted here, named as in the credential that it was issued for. The
/// token is refused if the policy reads claims that are not recorded in it: the client then gets
/// another one.
fn minted(
    name: String,
    claims: &Claims,
    origin: &Origin,
    context: &TokenContext<'_>,
) -> Result<Option<User>, Reason> {
    let Some(policy) = context.policy else {
        return Ok(User::new(name, groups_of(claims), Document::empty()));
    };
    // Conditions are those of users and groups: none is asked for an anonymous caller.
    if !name.is_empty() && !origin.knows(policy.claims_read) {
        return Err(Reason::BadClaim);
    }
    let groups = if origin.has_configured_groups() {
        (policy.groups_of)(&name)
    } else {
        groups_of(claims)
    };
    Ok(User::new(name, groups, context.kept(origin.claims())))
}

/// The groups that were known when the token was minted.
fn groups_of(claims: &Claims) -> Vec<String> {
    let listed = claims.as_map().get(GROUPS).and_then(Value::as_array);
    listed
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}
