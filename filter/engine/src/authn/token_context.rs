//! What providers and the token server share: the facts they read, and what stops them.

use registry_auth_cel::{Document, Members};

use crate::authn::claims::Claims;
use crate::authn::credential;
use crate::authn::token::{TokenError, UnverifiedToken};
use crate::authn::verify::{Expected, SignatureVerifier, VerifiedToken, VerifyError, verify};
use crate::facts::{Facts, KeysAnswer, Missing, Need};
use crate::keys::source::{Keys, SourceId};
use crate::reason::Reason;

/// Why no identity comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AuthnError {
    /// The token is refused.
    Deny(Reason),
    /// A fact is missing.
    Need(Need),
}

impl From<Reason> for AuthnError {
    fn from(reason: Reason) -> Self {
        Self::Deny(reason)
    }
}

impl From<TokenError> for AuthnError {
    fn from(error: TokenError) -> Self {
        Self::Deny(match error {
            TokenError::TooLong => Reason::TokenTooLong,
            TokenError::UnsupportedAlgorithm => Reason::AlgorithmNotAllowed,
            TokenError::ForeignType => Reason::WrongTokenType,
            _ => Reason::MalformedToken,
        })
    }
}

/// A token that somebody presents, and what it is judged with.
pub(crate) struct TokenContext<'a> {
    pub(crate) token: &'a UnverifiedToken<'a>,
    pub(crate) facts: &'a Facts<'a>,
    pub(crate) verifier: &'a dyn SignatureVerifier,
    pub(crate) policy: Option<PolicyView<'a>>,
}

/// What a policy reads of a caller, and what it knows of him.
#[derive(Clone, Copy)]
pub(crate) struct PolicyView<'a> {
    /// Some condition reads `req.claims`.
    pub(crate) reads_claims: bool,
    /// The claims that conditions read.
    pub(crate) claims_read: &'a Members,
    /// The configured groups of a user.
    pub(crate) groups_of: &'a dyn Fn(&str) -> Vec<String>,
}

/// Reads a token. What can be parsed has no other characters than a token may have, so they are looked at only to say what is
/// wrong.
pub(crate) fn read(compact: &[u8]) -> Result<UnverifiedToken<'_>, AuthnError> {
    let text = std::str::from_utf8(compact).map_err(|_| Reason::MalformedCredential)?;
    UnverifiedToken::parse(text)
        .map_err(|error| credential::check(compact).map_or_else(AuthnError::from, |()| error.into()))
}

impl<'a> TokenContext<'a> {
    /// Returns true if some condition reads claims: what is kept of the token holds them too, which most of its memory goes to.
    pub(crate) fn keeps_claims(&self) -> bool {
        self.policy.is_some_and(|policy| policy.reads_claims)
    }

    /// Claims as conditions read them; none if no condition does.
    pub(crate) fn kept(&self, claims: &Claims) -> Document {
        if self.keeps_claims() { Document::from_claims(claims.as_map()) } else { Document::empty() }
    }

    /// The keys of a source; without any, they are needed, or cannot be had.
    pub(crate) fn keys_of(&self, source: SourceId) -> Result<&'a Keys, AuthnError> {
        self.facts.keys.get(source).ok_or_else(|| missing(source, Missing::Keys, self.facts))
    }

    /// Verifies the token with the keys of a source. An unknown key id is a need until the keys are some that were asked for after
    /// the request came: a token whose key was not looked for is never called bad. A bad signature is no need: it would let anybody
    /// make the filter fetch.
    pub(crate) fn verify(
        &self,
        source: SourceId,
        keys: &Keys,
        expected: &Expected<'_>,
    ) -> Result<VerifiedToken, AuthnError> {
        let Self { token, facts, verifier, .. } = self;
        verify(token, &keys.set, expected, facts.now, *verifier).map_err(|error| match error {
            VerifyError::UnknownKey => missing(source, Missing::Key, facts),
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
}

/// Keys are needed, cannot be had, or do not exist.
pub(crate) fn missing(source: SourceId, missing: Missing, facts: &Facts<'_>) -> AuthnError {
    match (facts.gathered.keys_of(source), missing) {
        (None, _) => AuthnError::Need(Need::Keys { source, missing }),
        (Some(KeysAnswer::Current), Missing::Key) => AuthnError::Deny(Reason::UnknownKey),
        (Some(_), _) => AuthnError::Deny(Reason::KeysUnavailable),
    }
}
