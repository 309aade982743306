//! Why requests are refused: one row of one table for each reason.

#![deny(clippy::wildcard_enum_match_arm)]

use strum::VariantArray;

/// Why a request is refused. Each has an entry in [`Reason::descriptor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, VariantArray)]
pub enum Reason {
    /// No endpoint, or a path with two readings.
    NotFound,
    /// `n` of a listing is no number.
    PaginationInvalid,
    /// The repository name breaks the grammar.
    NameInvalid,
    /// The tag breaks the grammar.
    TagInvalid,
    /// The digest breaks the grammar.
    DigestInvalid,
    /// The manifest is sent as a form.
    ManifestInvalid,
    /// The client sends the header field that passes the user name to the registry.
    IdentityHeader,
    /// The endpoint has no such method.
    MethodNotAllowed,
    /// A request for a token that breaks the grammar of its query, form or scopes.
    MalformedRequest,
    /// A body that is read, and longer than the limit.
    BodyTooLarge,
    /// No credential, and anonymous callers may not.
    NoCredential,
    /// More than one `Authorization` header.
    SeveralCredentials,
    /// `Authorization` that is neither Bearer nor Basic, or is malformed.
    MalformedCredential,
    /// The token is longer than the limit.
    TokenTooLong,
    /// The token is not a JWT of three segments with strict JSON.
    MalformedToken,
    /// The token is no identity: its `typ` says something else, or it is a security event.
    WrongTokenType,
    /// The token's algorithm is not supported or not allowed for the issuer.
    AlgorithmNotAllowed,
    /// No provider has the token's issuer.
    UnknownIssuer,
    /// No configured audience is in the token.
    WrongAudience,
    /// A claim that must be there is missing, or has the wrong type.
    BadClaim,
    /// `exp` has passed.
    TokenExpired,
    /// `nbf` or `iat` lies in the future.
    TokenNotYetValid,
    /// The token's key is not known.
    UnknownKey,
    /// The signature does not verify.
    BadSignature,
    /// A claim validation failed.
    ValidationFailed,
    /// A claim mapping failed, or gave no user name.
    MappingFailed,
    /// The token is bound to another client certificate than the connection's.
    WrongCertificate,
    /// The client certificate gives no user name, has expired, or the host does not pass it.
    UnusableCertificate,
    /// No user has this name and password, or API key.
    WrongPassword,
    /// Too many wrong ones for this name or from this address.
    TooManyAttempts,
    /// The login service does not answer, or a directory or store behind it.
    LoginUnavailable,
    /// The login was ended: by a logout, or because the password or the key is not there any more.
    SessionEnded,
    /// The `access` claim does not cover the request.
    InsufficientScope,
    /// The policy does not allow it.
    PolicyDenied,
    /// Keys cannot be fetched and none are cached.
    KeysUnavailable,
    /// The upstream does not answer a question of the filter.
    UpstreamUnavailable,
    /// Too many requests wait already.
    TooManyWaiting,
    /// The filter has no configuration, or the host failed.
    NotReady,
}

/// How a refusal is presented: to the client, in metrics and in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorDescriptor {
    /// HTTP status.
    pub status: u16,
    /// Error code of the OCI distribution spec.
    pub code: &'static str,
    /// Fixed text.
    pub message: &'static str,
    /// Value of the metric's `reason` label and of the log's `reason` field.
    pub label: &'static str,
    /// Which challenge goes with it.
    pub challenge: Challenge,
}

/// The kind of `WWW-Authenticate` that a refusal carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// None.
    No,
    /// Without an error: no credential was presented.
    Plain,
    /// `error="invalid_token"` (RFC 6750 section 3.1).
    InvalidToken,
    /// `error="insufficient_scope"` (RFC 6750 section 3.1).
    InsufficientScope,
}

impl Reason {
    /// Every reason, for tables and metrics.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// Returns true if a credential was presented and refused, so that `failDelay` delays the
    /// reply.
    #[must_use]
    pub const fn is_delayed(self) -> bool {
        matches!(self.descriptor().status, 401 | 403) && !matches!(self, Self::NoCredential)
    }

    /// The descriptor of this reason.
    #[must_use]
    pub const fn descriptor(self) -> ErrorDescriptor {
        match self {
            Self::NotFound => plain(404, "NOT_FOUND", "no such endpoint", "not_found"),
            Self::PaginationInvalid => plain(
                400,
                "PAGINATION_NUMBER_INVALID",
                "invalid number of results requested",
                "pagination_invalid",
            ),
            Self::NameInvalid => plain(
                400,
                "NAME_INVALID",
                "invalid repository name",
                "name_invalid",
            ),
            Self::TagInvalid => plain(400, "TAG_INVALID", "invalid tag", "tag_invalid"),
            Self::DigestInvalid => plain(400, "DIGEST_INVALID", "invalid digest", "digest_invalid"),
            Self::ManifestInvalid => plain(
                400,
                "MANIFEST_INVALID",
                "a manifest is not sent as a form",
                "manifest_invalid",
            ),
            Self::IdentityHeader => plain(
                400,
                "BAD_REQUEST",
                "a header field that only the proxy may set",
                "identity_header",
            ),
            Self::MethodNotAllowed => plain(
                405,
                "UNSUPPORTED",
                "the operation is unsupported",
                "method_not_allowed",
            ),
            Self::MalformedRequest => plain(
                400,
                "BAD_REQUEST",
                "malformed request for a token",
                "malformed_request",
            ),
            Self::BodyTooLarge => {
                plain(413, "TOO_LARGE", "the body is too large", "body_too_large")
            }
            Self::NoCredential => unauthorized("no_credential", Challenge::Plain),
            Self::SeveralCredentials => {
                unauthorized("several_credentials", Challenge::InvalidToken)
            }
            Self::MalformedCredential => {
                unauthorized("malformed_credential", Challenge::InvalidToken)
            }
            Self::TokenTooLong => unauthorized("token_too_long", Challenge::InvalidToken),
            Self::MalformedToken => unauthorized("malformed_token", Challenge::InvalidToken),
            Self::WrongTokenType => unauthorized("wrong_token_type", Challenge::InvalidToken),
            Self::AlgorithmNotAllowed => {
                unauthorized("algorithm_not_allowed", Challenge::InvalidToken)
            }
            Self::UnknownIssuer => unauthorized("unknown_issuer", Challenge::InvalidToken),
            Self::WrongAudience => unauthorized("wrong_audience", Challenge::InvalidToken),
            Self::BadClaim => unauthorized("bad_claim", Challenge::InvalidToken),
            Self::TokenExpired => unauthorized("token_expired", Challenge::InvalidToken),
            Self::TokenNotYetValid => unauthorized("token_not_yet_valid", Challenge::InvalidToken),
            Self::UnknownKey => unauthorized("unknown_key", Challenge::InvalidToken),
            Self::BadSignature => unauthorized("bad_signature", Challenge::InvalidToken),
            Self::ValidationFailed => unauthorized("validation_failed", Challenge::InvalidToken),
            Self::MappingFailed => unauthorized("mapping_failed", Challenge::InvalidToken),
            Self::WrongCertificate => unauthorized("wrong_certificate", Challenge::InvalidToken),
            Self::UnusableCertificate => unauthorized("unusable_certificate", Challenge::Plain),
            Self::WrongPassword => unauthorized("wrong_password", Challenge::InvalidToken),
            Self::TooManyAttempts => plain(
                429,
                "TOOMANYREQUESTS",
                "too many failed logins",
                "too_many_attempts",
            ),
            Self::LoginUnavailable => unavailable("login_unavailable"),
            Self::SessionEnded => unauthorized("session_ended", Challenge::InvalidToken),
            Self::InsufficientScope => {
                unauthorized("insufficient_scope", Challenge::InsufficientScope)
            }
            Self::PolicyDenied => plain(
                403,
                "DENIED",
                "requested access to the resource is denied",
                "policy_denied",
            ),
            Self::KeysUnavailable => unavailable("keys_unavailable"),
            Self::UpstreamUnavailable => unavailable("upstream_unavailable"),
            Self::TooManyWaiting => unavailable("too_many_waiting"),
            Self::NotReady => unavailable("not_ready"),
        }
    }
}

const fn plain(
    status: u16,
    code: &'static str,
    message: &'static str,
    label: &'static str,
) -> ErrorDescriptor {
    ErrorDescriptor {
        status,
        code,
        message,
        label,
        challenge: Challenge::No,
    }
}

const fn unauthorized(label: &'static str, challenge: Challenge) -> ErrorDescriptor {
    ErrorDescriptor {
        status: 401,
        code: "UNAUTHORIZED",
        message: "authentication required",
        label,
        challenge,
    }
}

const fn unavailable(label: &'static str) -> ErrorDescriptor {
    plain(503, "UNAVAILABLE", "service unavailable", label)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reason_has_a_label_of_its_own_and_401_always_has_a_challenge() {
        let labels: BTreeSet<_> = Reason::ALL
            .iter()
            .map(|reason| reason.descriptor().label)
            .collect();
        assert_eq!(labels.len(), Reason::ALL.len());
        for reason in Reason::ALL.iter().copied() {
            let descriptor = reason.descriptor();
            assert_eq!(
                descriptor.status == 401,
                descriptor.challenge != Challenge::No,
                "{reason:?}"
            );
        }
    }

    #[test]
    fn what_is_delayed_is_a_refusal_of_who_asks() {
        for reason in Reason::ALL.iter().copied() {
            let refused =
                matches!(reason.descriptor().status, 401 | 403) && reason != Reason::NoCredential;
            assert_eq!(reason.is_delayed(), refused, "{reason:?}");
        }
        assert!(!Reason::KeysUnavailable.is_delayed() && Reason::PolicyDenied.is_delayed());
    }
}
