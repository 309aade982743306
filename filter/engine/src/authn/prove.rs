//! What providers and the token server share: the facts they read, and what stops them.

use crate::authn::source::{Keys, SourceId};
use crate::authn::token::{TokenError, UnverifiedToken};
use crate::authn::verify::{Expected, SignatureVerifier, VerifiedToken, VerifyError, verify};
use crate::decision::Need;
use crate::facts::Facts;
use crate::reason::Reason;

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

/// A token that somebody presents, and what it is judged with.
pub(crate) struct Presented<'a> {
    pub(crate) token: &'a UnverifiedToken<'a>,
    pub(crate) facts: &'a Facts<'a>,
    pub(crate) verifier: &'a dyn SignatureVerifier,
    /// Some condition reads claims: what is kept of the token holds them too, which most of its memory goes to.
    pub(crate) keeps_claims: bool,
}

impl<'a> Presented<'a> {
    /// The keys of a source; without any, they are needed, or cannot be had.
    pub(crate) fn keys_of(&self, source: SourceId) -> Result<&'a Keys, Stop> {
        self.facts.keys.get(source).ok_or_else(|| self.need(source, None, Reason::KeysUnavailable))
    }

    /// Verifies the token with the keys of a source; an unknown key id is a need, once. A bad signature never is: it would let
    /// anybody make the filter fetch.
    pub(crate) fn verify(&self, source: SourceId, keys: &Keys, expected: &Expected<'_>) -> Result<VerifiedToken, Stop> {
        let Self { token, facts, verifier, .. } = self;
        verify(token, &keys.set, expected, facts.now, *verifier).map_err(|error| match error {
            VerifyError::UnknownKey => self.need(source, token.key_id(), Reason::UnknownKey),
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

    fn need(&self, source: SourceId, key_id: Option<&str>, otherwise: Reason) -> Stop {
        missing(source, key_id, self.facts, otherwise)
    }
}

/// Keys are needed, or cannot be had: no source is asked twice for one request.
pub(crate) fn missing(source: SourceId, key_id: Option<&str>, facts: &Facts<'_>, otherwise: Reason) -> Stop {
    if facts.gathered.settled.contains(&source) {
        return Stop::Deny(otherwise);
    }
    Stop::Need(Need::Keys { source, unknown: key_id.map(str::to_owned) })
}
