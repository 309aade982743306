//! Tokens of a Docker token server: one key set, an `access` claim.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::authn::access_claim::AccessClaim;
use crate::authn::cache::Proven;
use crate::authn::claims::Claims;
use crate::authn::identity::Identity;
use crate::authn::prove::{Presented, Stop};
use crate::authn::source::SourceId;
use crate::authn::verify::{Expected, KeyIdRule, TokenKind};
use crate::cel::Document;
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
    /// Leeway for times, and whether a claim `groups` counts: only in tokens that were minted here.
    pub(crate) minted: Option<Duration>,
    pub(crate) source: SourceId,
}

impl Bearer {
    /// Proves a token of the token server.
    ///
    /// # Errors
    /// A [`Stop::Need`] when keys are missing; otherwise the refusal.
    pub(crate) fn prove(&self, presented: &Presented<'_>) -> Result<Proven, Stop> {
        let keys = presented.keys_of(self.source)?;
        let expected = Expected {
            kind: TokenKind::Traditional,
            issuer: self.issuer.as_deref(),
            audiences: &self.audiences,
            clock_skew: self.minted.unwrap_or_default(),
            key_id: self.key_id,
            algorithms: None,
        };
        let proof = presented.verify(self.source, keys, &expected)?;
        let claims = proof.claims();
        let mut access = AccessClaim::read(claims).map_err(|_| Reason::BadClaim)?;
        let subject = claims.subject().map_err(|_| Reason::BadClaim)?.unwrap_or_default().to_owned();
        let mut groups = Vec::new();
        if self.minted.is_some() {
            access = access.with_catalog();
            groups = groups_of(claims);
        }
        let kept = if presented.keeps_claims { Document::from_claims(claims.as_map()) } else { Document::empty() };
        Ok(Proven {
            identity: Arc::new(Identity::new(subject, groups, kept)),
            access: Some(Arc::new(access)),
            keys: Some((self.source, keys.version)),
            expires: proof.expires(),
            bound_to: claims.bound_to().map(Into::into),
        })
    }
}

/// The groups that were known when the token was minted.
fn groups_of(claims: &Claims) -> Vec<String> {
    let listed = claims.as_map().get(GROUPS).and_then(Value::as_array);
    listed.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
