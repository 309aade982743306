//! What providers and the token server share: the facts they read, and their errors.

use registry_auth_cel::{Document, Members};
use serde_json::{Map, Value};

use crate::authn::claims::Claims;
use crate::authn::credential;
use crate::authn::token::{TokenError, UnverifiedToken};
use crate::authn::verify::{
    Expected, SignatureVerifier, VerifiedToken, VerifyError, find_signer, verify,
};
use crate::facts::{Facts, KeysAnswer, Missing, Need};
use crate::keys::source::{Keys, SourceId};
use crate::reason::Reason;
use crate::trace::{Cause, Recorder};

/// Why a caller is not authenticated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum AuthnError {
    /// The token is refused.
    Deny(Reason),
    /// A fact is missing.
    Need(Need),
}

impl AuthnError {
    /// The reason of a refusal; none if a fact is missing.
    pub(crate) const fn reason(&self) -> Option<Reason> {
        match self {
            Self::Deny(reason) => Some(*reason),
            Self::Need(_) => None,
        }
    }
}

impl From<Reason> for AuthnError {
    fn from(reason: Reason) -> Self {
        Self::Deny(reason)
    }
}

impl From<Need> for AuthnError {
    fn from(need: Need) -> Self {
        Self::Need(need)
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

/// A token that a client presents, and what it is verified with.
pub(crate) struct TokenContext<'a> {
    pub(crate) token: &'a UnverifiedToken<'a>,
    pub(crate) facts: &'a Facts<'a>,
    pub(crate) verifier: &'a dyn SignatureVerifier,
    pub(crate) policy: Option<PolicyView<'a>>,
    /// The claims that records show.
    pub(crate) shown: &'a [String],
    pub(crate) recorder: Recorder<'a>,
}

/// What a policy reads of a caller, and which groups it adds.
#[derive(Clone, Copy)]
pub(crate) struct PolicyView<'a> {
    /// Some condition reads `req.claims`.
    pub(crate) reads_claims: bool,
    /// The claims that conditions read.
    pub(crate) claims_read: &'a Members,
    /// The configured groups of a user.
    pub(crate) groups_of: &'a dyn Fn(&str) -> Vec<String>,
}

/// Reads a token. A token that can be parsed has valid characters only, so they are checked only to
/// find the reason of an error.
pub(crate) fn read(compact: &[u8]) -> Result<UnverifiedToken<'_>, AuthnError> {
    let text = std::str::from_utf8(compact).map_err(|_| Reason::MalformedCredential)?;
    UnverifiedToken::parse(text).map_err(|error| {
        credential::check(compact).map_or_else(AuthnError::from, |()| error.into())
    })
}

impl<'a> TokenContext<'a> {
    /// Returns true if some condition reads claims. They are cached then, which takes most of the
    /// memory of a cached token.
    pub(crate) fn keeps_claims(&self) -> bool {
        self.policy.is_some_and(|policy| policy.reads_claims)
    }

    /// Returns the claims as conditions read them; none if no condition does.
    pub(crate) fn kept(&self, claims: &Claims) -> Document {
        if self.keeps_claims() {
            Document::from_claims(claims.as_map())
        } else {
            Document::empty()
        }
    }

    /// Returns the claims that records show, as a JSON object; none if there are none.
    pub(crate) fn shown(&self, claims: &Map<String, Value>) -> Option<Box<str>> {
        let names = self.shown.iter();
        let there = names.filter_map(|name| Some((name.clone(), short(claims.get(name)?))));
        let mut shown = Map::new();
        for (name, value) in there {
            shown.insert(name, value);
        }
        (!shown.is_empty()).then(|| Value::from(shown).to_string().into())
    }

    /// Returns the keys of a source. If none are held, they have to be fetched, or fetching them
    /// failed.
    pub(crate) fn keys_of(&self, source: SourceId) -> Result<&'a Keys, AuthnError> {
        self.facts
            .keys
            .get(source)
            .ok_or_else(|| missing(source, Missing::Keys, self.facts))
    }

    /// Verifies the token with the keys of a source. An unknown key id is a [`Need`] until the held
    /// keys are some that were requested after the request came: a token is not refused before its
    /// key was looked up. A bad signature is not a [`Need`]: anybody could make the filter fetch.
    pub(crate) fn verify(
        &self,
        source: SourceId,
        keys: &Keys,
        expected: &Expected<'_>,
    ) -> Result<VerifiedToken, AuthnError> {
        let Self {
            token,
            facts,
            verifier,
            ..
        } = self;
        let now = facts.now.exact()?;
        verify(token, &keys.set, expected, now, *verifier).map_err(|error| match error {
            VerifyError::UnknownKey => missing(source, Missing::Key, facts),
            error => {
                let reason = Reason::from(error);
                self.recorder.because_of(reason, || Cause {
                    text: self.cause(error, expected),
                    detail: self.detail(error, keys, expected).map(Into::into),
                });
                reason.into()
            }
        })
    }

    /// What an error leaves open. Of the claims only times are in it.
    fn cause(&self, error: VerifyError, expected: &Expected<'_>) -> String {
        let expires = self.token.claims_unverified().expires().ok().flatten();
        match (error, expires) {
            (VerifyError::WrongAudience, _) => {
                format!("`aud` has to be `{}`", expected.audiences.join("` or `"))
            }
            (VerifyError::Expired, Some(expires)) => format!("it ended at {}", expires.rfc3339()),
            (error, _) => error.to_string(),
        }
    }
}

impl TokenContext<'_> {
    /// What a client gets to know of its own token. It is its own if a key that is held has signed
    /// it: nothing is said to those who make one up, and no key is fetched for this.
    fn detail(&self, error: VerifyError, keys: &Keys, expected: &Expected<'_>) -> Option<String> {
        let expires = self.token.claims_unverified().expires().ok().flatten();
        let detail = match (error, expires) {
            (VerifyError::WrongAudience, _) => error.to_string(),
            (VerifyError::Expired, Some(expires)) => {
                format!("the token expired at {}", expires.rfc3339())
            }
            _ => return None,
        };
        let signer = find_signer(self.token, &keys.set, expected, self.verifier);
        signer.is_ok().then_some(detail)
    }
}

/// The longest text of a claim that records show, in characters, and of one that is no text.
const MAX_SHOWN: usize = 96;

/// A claim for a record: a long one is cut.
fn short(value: &Value) -> Value {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => value.to_string(),
        Value::Null | Value::Bool(_) | Value::Number(_) => return value.clone(),
    };
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()).into(),
        None => text.into(),
    }
}

impl From<VerifyError> for Reason {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::UnknownKey | VerifyError::MissingKeyId | VerifyError::NoFittingKey => {
                Self::UnknownKey
            }
            VerifyError::AlgorithmNotAllowed => Self::AlgorithmNotAllowed,
            VerifyError::BadSignature => Self::BadSignature,
            VerifyError::Expired => Self::TokenExpired,
            VerifyError::NotYetValid | VerifyError::IssuedInFuture => Self::TokenNotYetValid,
            VerifyError::WrongIssuer => Self::UnknownIssuer,
            VerifyError::WrongAudience => Self::WrongAudience,
            VerifyError::MissingClaim(_) | VerifyError::WrongClaimType(_) => Self::BadClaim,
        }
    }
}

/// The error for missing keys: they have to be fetched, fetching them failed, or they do not exist.
pub(crate) fn missing(source: SourceId, missing: Missing, facts: &Facts<'_>) -> AuthnError {
    match (facts.gathered.keys_of(source), missing) {
        (None, _) => AuthnError::Need(Need::Keys { source, missing }),
        (Some(KeysAnswer::Current), Missing::Key) => AuthnError::Deny(Reason::UnknownKey),
        (Some(_), _) => AuthnError::Deny(Reason::KeysUnavailable),
    }
}
