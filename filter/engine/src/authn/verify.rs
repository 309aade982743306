//! From an [`UnverifiedToken`] to a [`VerifiedToken`]: claims, key choice, signature (RFC 8725, RFC
//! 7519 section 7.2).

mod curves;
mod rsa;
mod signature;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::claims::{Claims, WrongType};
use super::issuer;
use super::token::UnverifiedToken;
use crate::keys::algorithm::Algorithm;
use crate::keys::{KeySet, MAX_SAME_ID, PublicKey};
use crate::time::UnixTime;

pub use signature::{PureRust, SignatureVerifier, Verification, ecdsa_signature_der};

/// How far in the future `nbf` of an OIDC token may lie; go-oidc's constant, which zot has by using
/// it.
pub const OIDC_NOT_BEFORE_LEEWAY: Duration = Duration::from_mins(5);

/// How far in the future `iat` of an OIDC token may lie, in addition to the clock skew: further, a
/// clock is wrong, or the token was made to be used another day.
pub const OIDC_ISSUED_AT_LEEWAY: Duration = Duration::from_mins(5);

/// How many keys are tried for a token that names none.
pub const MAX_TRIED: usize = MAX_SAME_ID;

/// Which rules apply to a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// An ID token of an OIDC issuer. `iss`, `sub`, `aud`, `exp` and `iat` must be there (OIDC Core
    /// section 2); an audience is always checked; `nbf` has [`OIDC_NOT_BEFORE_LEEWAY`], `iat`
    /// [`OIDC_ISSUED_AT_LEEWAY`].
    Oidc,
    /// A token of a Docker token server (`cert`, Secrets Manager). `exp` must be there; `nbf` and
    /// `iat` may not lie in the future; issuer and audience are checked only when configured.
    Traditional,
}

/// How the `kid` of a token is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyIdRule {
    /// If the token has one, only keys of that id are tried; otherwise all that fit, at most
    /// [`MAX_TRIED`]. For JWKS.
    IfPresent,
    /// A token without one is refused. For Secrets Manager.
    Required,
    /// It is ignored. For `cert`, which is one key.
    Ignored,
}

/// What a token must contain. There is no default, so that no check is left out by accident.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The rules.
    pub kind: TokenKind,
    /// `iss`, compared exactly (RFC 7519 section 4.1.1), for OIDC as [`issuer::is_named`] does;
    /// `None` takes every issuer.
    pub issuer: Option<&'a str>,
    /// At least one of these must be in `aud`, compared exactly. Empty: a traditional token's `aud`
    /// is ignored, an OIDC token is refused.
    pub audiences: &'a [String],
    /// Leeway for `exp`, `nbf` and `iat`.
    pub clock_skew: Duration,
    /// What `kid` does.
    pub key_id: KeyIdRule,
    /// Only these algorithms, if given; the issuer's `id_token_signing_alg_values_supported`, for
    /// example.
    pub algorithms: Option<&'a [Algorithm]>,
}

/// Why a token is not verified. No variant holds anything of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Not one of [`Expected::algorithms`].
    #[error("the issuer does not sign with this algorithm")]
    AlgorithmNotAllowed,
    /// A claim that must be there is not.
    #[error("the claim `{0}` is missing")]
    MissingClaim(&'static str),
    /// A claim has another type than RFC 7519 says, or is a time out of range.
    #[error("the claim `{0}` has the wrong type")]
    WrongClaimType(&'static str),
    /// `iss` is another.
    #[error("the token is of another issuer")]
    WrongIssuer,
    /// No expected audience is in `aud`.
    #[error("the token is for another audience")]
    WrongAudience,
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` has not come.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// `iat` lies in the future, further than clocks differ.
    #[error("the token was issued in the future")]
    IssuedInFuture,
    /// The token names no key, and must.
    #[error("the token names no key")]
    MissingKeyId,
    /// No key has the token's `kid`. The only error that newer keys may resolve.
    #[error("the token names an unknown key")]
    UnknownKey,
    /// There are keys, but none of the type, curve and `alg` that the token needs.
    #[error("no key fits the algorithm of the token")]
    NoFittingKey,
    /// No key that may have signed it verifies the signature.
    #[error("the signature is wrong")]
    BadSignature,
}

impl From<WrongType> for VerifyError {
    fn from(WrongType(claim): WrongType) -> Self {
        Self::WrongClaimType(claim)
    }
}

/// A token whose signature and claims are verified. Only [`verify`] makes one.
#[derive(Clone)]
pub struct VerifiedToken {
    claims: Arc<Claims>,
    algorithm: Algorithm,
    key_id: Option<String>,
    expires: UnixTime,
}

impl VerifiedToken {
    /// The claims.
    #[must_use]
    pub fn claims(&self) -> &Claims {
        &self.claims
    }

    /// From this moment on [`verify`] refuses the token: `exp` plus the clock skew.
    #[must_use]
    pub const fn expires(&self) -> UnixTime {
        self.expires
    }

    /// The `kid` of the token, if it names one.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.key_id.as_deref()
    }

    /// How it is signed.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl fmt::Debug for VerifiedToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("VerifiedToken([redacted])")
    }
}

/// Verifies a token at the time `now`. The claims come first, because they cost least and decide
/// whether keys are worth fetching; then the key, then the signature. What `verifier` does not
/// support is done by [`PureRust`].
///
/// # Errors
/// See [`VerifyError`].
pub fn verify(
    token: &UnverifiedToken<'_>,
    keys: &KeySet,
    expected: &Expected<'_>,
    now: UnixTime,
    verifier: &dyn SignatureVerifier,
) -> Result<VerifiedToken, VerifyError> {
    let algorithm = token.algorithm();
    if expected
        .algorithms
        .is_some_and(|allowed| !allowed.contains(&algorithm))
    {
        return Err(VerifyError::AlgorithmNotAllowed);
    }
    let expires = expected.check(token.claims_unverified(), now)?;
    find_signer(token, keys, expected, verifier)?;
    Ok(VerifiedToken {
        claims: token.shared_claims(),
        algorithm,
        key_id: token.key_id().map(str::to_owned),
        expires,
    })
}

/// Finds a key that has signed the token, whatever its claims say.
///
/// # Errors
/// No key has, or none may have.
pub(crate) fn find_signer<'a>(
    token: &UnverifiedToken<'_>,
    keys: &'a KeySet,
    expected: &Expected<'_>,
    verifier: &dyn SignatureVerifier,
) -> Result<&'a PublicKey, VerifyError> {
    let algorithm = token.algorithm();
    let key_id = expected.key_id.of(token)?;
    if key_id.is_some_and(|id| !keys.contains(id)) {
        return Err(VerifyError::UnknownKey);
    }
    let mut candidates = keys.fitting(key_id, algorithm).take(MAX_TRIED).peekable();
    if candidates.peek().is_none() {
        return Err(VerifyError::NoFittingKey);
    }
    candidates
        .find(|key| is_signed_by(token, key, verifier))
        .ok_or(VerifyError::BadSignature)
}

impl Expected<'_> {
    /// Checks everything but the signature. Returns the time from which this check fails.
    pub(crate) fn check(&self, claims: &Claims, now: UnixTime) -> Result<UnixTime, VerifyError> {
        self.check_names(claims)?;
        let expires = claims
            .expires()?
            .ok_or(VerifyError::MissingClaim("exp"))?
            .after(self.clock_skew);
        let issued = claims.issued()?;
        if self.kind == TokenKind::Oidc && issued.is_none() {
            return Err(VerifyError::MissingClaim("iat"));
        }
        let not_before = claims.not_before()?;
        if now >= expires {
            return Err(VerifyError::Expired);
        }
        if not_before.is_some_and(|time| now.after(self.not_before_leeway()) < time) {
            return Err(VerifyError::NotYetValid);
        }
        if issued.is_some_and(|time| now.after(self.issued_at_leeway()) < time) {
            return Err(VerifyError::IssuedInFuture);
        }
        Ok(expires)
    }

    /// `iss`, `sub` and `aud`. Types are checked even where the value does not matter.
    fn check_names(&self, claims: &Claims) -> Result<(), VerifyError> {
        let (issuer, subject, audiences) =
            (claims.issuer()?, claims.subject()?, claims.audiences()?);
        if self.kind == TokenKind::Oidc {
            issuer.ok_or(VerifyError::MissingClaim("iss"))?;
            // OpenID Connect Core, section 2: never empty. All such callers would share one name.
            subject
                .filter(|subject| !subject.is_empty())
                .ok_or(VerifyError::MissingClaim("sub"))?;
        }
        if let Some(wanted) = self.issuer {
            let claimed = issuer.ok_or(VerifyError::MissingClaim("iss"))?;
            let is_wanted = match self.kind {
                TokenKind::Oidc => issuer::is_named(wanted, claimed),
                TokenKind::Traditional => claimed == wanted,
            };
            if !is_wanted {
                return Err(VerifyError::WrongIssuer);
            }
        }
        if self.kind == TokenKind::Traditional && self.audiences.is_empty() {
            return Ok(());
        }
        let named = audiences.ok_or(VerifyError::MissingClaim("aud"))?;
        if self
            .audiences
            .iter()
            .any(|wanted| named.contains(&wanted.as_str()))
        {
            Ok(())
        } else {
            Err(VerifyError::WrongAudience)
        }
    }

    fn not_before_leeway(&self) -> Duration {
        match self.kind {
            TokenKind::Oidc => self.clock_skew.max(OIDC_NOT_BEFORE_LEEWAY),
            TokenKind::Traditional => self.clock_skew,
        }
    }

    const fn issued_at_leeway(&self) -> Duration {
        match self.kind {
            TokenKind::Oidc => self.clock_skew.saturating_add(OIDC_ISSUED_AT_LEEWAY),
            TokenKind::Traditional => self.clock_skew,
        }
    }
}

impl KeyIdRule {
    fn of<'a>(self, token: &'a UnverifiedToken<'_>) -> Result<Option<&'a str>, VerifyError> {
        match (self, token.key_id()) {
            (Self::Ignored, _) => Ok(None),
            (Self::Required, None) => Err(VerifyError::MissingKeyId),
            (Self::IfPresent | Self::Required, key_id) => Ok(key_id),
        }
    }
}

fn is_signed_by(
    token: &UnverifiedToken<'_>,
    key: &PublicKey,
    verifier: &dyn SignatureVerifier,
) -> bool {
    if token.signature().len() != key.signature_len() {
        return false;
    }
    let answer = match verifier.verify(token.algorithm(), key, token.message(), token.signature()) {
        Verification::Unsupported => {
            PureRust.verify(token.algorithm(), key, token.message(), token.signature())
        }
        answer => answer,
    };
    answer == Verification::Valid
}

#[cfg(test)]
mod tests;
