//! Why a login by a provider did not work.

use std::fmt;

use crate::random::NoRandomBytes;

/// Why nobody was logged in: the reason, which the browser sees, and what an operator reads of it.
/// Neither holds a token, a code, or a text of the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocialError {
    /// The reason.
    pub reason: Reason,
    /// More for the log, if there is more.
    pub detail: String,
}

/// The reasons. Each has an id and a fixed text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No provider of this name is configured.
    UnknownProvider,
    /// There is no login that this browser has begun, or it is too old, or it was used before.
    NoLogin,
    /// The state is another than that of the login that this browser has begun.
    WrongState,
    /// The answer comes from another provider than the one that was asked (RFC 9207).
    WrongIssuer,
    /// The provider says that the person, or the provider itself, refuses.
    Refused,
    /// The provider refuses the authorization code.
    CodeRefused,
    /// The provider refuses our client id or its credential.
    ClientRefused,
    /// The ID token is not valid.
    InvalidToken,
    /// The provider says of whom this is no usable user name.
    NoUserName,
    /// The provider has not verified the address that would be the user name.
    UnverifiedAddress,
    /// The name belongs to somebody of the htpasswd file.
    NameTaken,
    /// Name and groups do not fit into a session cookie.
    TooManyGroups,
    /// The provider does not answer, or answers with a failure of its own.
    ProviderUnavailable,
    /// The answer of the provider cannot be used.
    ProviderAnswer,
    /// Too many logins are under way.
    Busy,
    /// The store, which remembers finished logins, does not answer.
    StoreUnavailable,
    /// We cannot make a login: there are no random bytes, or no key.
    Internal,
}

impl Reason {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::UnknownProvider,
        Self::NoLogin,
        Self::WrongState,
        Self::WrongIssuer,
        Self::Refused,
        Self::CodeRefused,
        Self::ClientRefused,
        Self::InvalidToken,
        Self::NoUserName,
        Self::UnverifiedAddress,
        Self::NameTaken,
        Self::TooManyGroups,
        Self::ProviderUnavailable,
        Self::ProviderAnswer,
        Self::Busy,
        Self::StoreUnavailable,
        Self::Internal,
    ];

    /// Its status, its id, and the text for people.
    #[must_use]
    pub const fn page(self) -> (u16, &'static str, &'static str) {
        match self {
            Self::UnknownProvider => (400, "unknown_provider", "There is no login of this name."),
            Self::NoLogin => (
                401,
                "login_expired",
                "This login was begun too long ago, in another browser, or has been used before.",
            ),
            Self::WrongState => (
                401,
                "wrong_state",
                "The answer belongs to another login than the last one that this browser has begun.",
            ),
            Self::WrongIssuer => (
                401,
                "wrong_issuer",
                "The answer comes from another provider than the one that was asked.",
            ),
            Self::Refused => (
                401,
                "provider_refused",
                "The provider has refused the login.",
            ),
            Self::CodeRefused => (
                401,
                "code_refused",
                "The provider does not accept the code of this login any more.",
            ),
            Self::ClientRefused => (
                502,
                "client_refused",
                "The provider does not accept this registry as its client. Its operator has to check the client id and its secret.",
            ),
            Self::InvalidToken => (
                401,
                "invalid_token",
                "The provider's statement about you is not valid.",
            ),
            Self::NoUserName => (
                401,
                "no_user_name",
                "The provider does not say which user name you have.",
            ),
            Self::UnverifiedAddress => (
                401,
                "address_not_verified",
                "Your address is not verified. Verify it at the provider, then log in again.",
            ),
            Self::NameTaken => (
                401,
                "name_taken",
                "Your user name belongs to somebody who logs in with a password.",
            ),
            Self::TooManyGroups => (
                401,
                "too_many_groups",
                "Your user name and your groups are too long for a session.",
            ),
            Self::ProviderUnavailable => (
                502,
                "provider_unavailable",
                "The provider does not answer. Try again later.",
            ),
            Self::ProviderAnswer => (
                502,
                "provider_answer",
                "The provider's answer cannot be used.",
            ),
            Self::Busy => (
                503,
                "busy",
                "Too many logins are under way. Try again in a moment.",
            ),
            Self::StoreUnavailable => (
                503,
                "store_unavailable",
                "The login cannot be recorded now. Try again in a moment.",
            ),
            Self::Internal => (500, "internal", "The login could not be made."),
        }
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.page().0
    }

    /// Its id.
    #[must_use]
    pub const fn id(self) -> &'static str {
        self.page().1
    }

    /// The text for people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        self.page().2
    }

    /// With more for the log.
    #[must_use]
    pub fn because(self, detail: impl fmt::Display) -> SocialError {
        SocialError {
            reason: self,
            detail: detail.to_string(),
        }
    }
}

impl From<Reason> for SocialError {
    fn from(reason: Reason) -> Self {
        Self {
            reason,
            detail: String::new(),
        }
    }
}

impl From<NoRandomBytes> for SocialError {
    fn from(error: NoRandomBytes) -> Self {
        Reason::Internal.because(error)
    }
}

impl fmt::Display for SocialError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.reason.id())?;
        if self.detail.is_empty() {
            Ok(())
        } else {
            write!(formatter, " ({})", self.detail)
        }
    }
}

impl std::error::Error for SocialError {}
