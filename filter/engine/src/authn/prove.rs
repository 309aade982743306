//! What providers and the token server share: the facts they read, and what stops them.

use crate::authn::keys::KeySet;
use crate::authn::source::{Keys, SourceId};
use crate::authn::token::{TokenError, UnverifiedToken};
use crate::authn::verify::{Expected, SignatureVerifier, VerifiedToken, VerifyError, verify};
use crate::decision::{Need, Reason};
use crate::facts::Facts;

/// Why no identity comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The token is refused.
    Deny(Reason),
    /// A fact is missing.
    Need(Need),
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Self {
        Self::Deny(reason)
    }
}

impl From<TokenError> for Stop {
    fn from(error: TokenError) -> Self {
        Self::Deny(match error {
            TokenError::TooLong => Reason::TokenTooLong,
            TokenError::UnsupportedAlgorithm => Reason::AlgorithmNotAllowed,
            _ => Reason::MalformedToken,
        })
    }
}

/// The keys of a source; without any, they are needed, or cannot be had.
pub(crate) fn keys_of<'a>(source: SourceId, facts: &Facts<'a>) -> Result<&'a Keys, Stop> {
    facts.keys.get(source).ok_or_else(|| need(source, None, facts, Reason::KeysUnavailable))
}

/// Verifies a token; an unknown key id is a need, once. A bad signature never is: it would let anybody make the filter fetch.
pub(crate) fn verify_with(
    token: &UnverifiedToken<'_>,
    keys: &Keys,
    expected: &Expected<'_>,
    source: SourceId,
    facts: &Facts<'_>,
    verifier: &dyn SignatureVerifier,
) -> Result<VerifiedToken, Stop> {
    let set: &KeySet = &keys.set;
    verify(token, set, expected, facts.now, verifier).map_err(|error| match error {
        VerifyError::UnknownKey => need(source, token.key_id(), facts, Reason::UnknownKey),
        VerifyError::MissingKeyId | VerifyError::NoFittingKey => Reason::UnknownKey.into(),
        VerifyError::AlgorithmNotAllowed => Reason::AlgorithmNotAllowed.into(),
        VerifyError::BadSignature => Reason::BadSignature.into(),
        VerifyError::Expired => Reason::TokenExpired.into(),
        VerifyError::NotYetValid | VerifyError::IssuedInFuture => Reason::TokenNotYetValid.into(),
        VerifyError::WrongIssuer => Reason::UnknownIssuer.into(),
        VerifyError::WrongAudience => Reason::WrongAudience.into(),
        VerifyError::MissingClaim(_) | VerifyError::WrongClaimType(_) => Reason::BadClaim.into(),
    })
}

fn need(source: SourceId, key_id: Option<&str>, facts: &Facts<'_>, otherwise: Reason) -> Stop {
    if facts.gathered.settled.contains(&source) {
        return Stop::Deny(otherwise);
    }
    Stop::Need(Need::Keys { source, unknown: key_id.map(str::to_owned) })
}
