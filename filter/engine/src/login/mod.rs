//! People log in at a service next to the proxy, which has files, directories and a store; the
//! filter has none of them. This is what the two say to each other:
//!
//! - a [`LoginQuestion`] of the filter, proven by a [`LoginRequest`], and its [`LoginAnswer`];
//! - the token in an answer, in a cookie or from the token endpoint, with the [claims](claim) of a
//!   login and one of the [`Audience`]s;
//! - the keys that verify those tokens, and what has ended: the pushed set [`SET`], a JWK Set with
//!   the members of [`Ended`](crate::keys::ended::Ended);
//! - what the filter says of the [`Caller`] of a page or of the API of the service.

mod answer;
mod caller;
mod question;
mod request;
pub mod scope;

pub use answer::{LoginAnswer, Unavailable};
pub use caller::{Caller, CallerIdentity, MAX_CALLER};
pub use question::{InvalidQuestion, LoginPurpose, LoginQuestion, MAX_QUESTION};
pub use request::LoginRequest;

pub use crate::keys::envelope::LOGIN_SET as SET;

/// `iss` of the tokens of the login service; no other service has it, and a configuration cannot
/// name it.
pub const ISSUER: &str = "urn:registry-auth:login";

/// Where questions are sent, by POST.
pub const PATH: &str = "/v1/login";

/// The header that carries a [`Caller`].
pub const CALLER_HEADER: &str = "x-registry-auth-caller";

/// The cookie of a session.
pub const COOKIE: &str = "session";

/// The header that says that a request is of the user interface, and its value. A form of another
/// site cannot set it.
pub const UI_HEADER: (&str, &str) = ("x-zot-api-client", "zot-ui");

/// The claims of a login besides those that every token has (`iss`, `aud`, `sub`, `iat`, `nbf`,
/// `exp`).
pub mod claim {
    /// The groups that the directory or the provider names: a list of text.
    pub const GROUPS: &str = "groups";
    /// How the user logged in (RFC 8176): a list of text, such as `htpasswd` or `openid:github`.
    pub const METHODS: &str = "amr";
    /// The id of the login: what ends it names it.
    pub const ID: &str = "sid";
    /// The ids of the logins that it was made with, and ends with: a list of text.
    pub const PARENTS: &str = "parents";
    /// What an API key may do, `repository:PATTERN:ACTIONS`: a list of text. Absent: all that its
    /// user may.
    pub const SCOPE: &str = "scope";
}

/// Where a token of the login service may come from: its `aud`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Its answer to the filter.
    Login,
    /// The cookie of a session.
    Session,
    /// A client that has it from the token endpoint.
    Token,
}

impl Audience {
    /// The value of the claim.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Session => "session",
            Self::Token => "token",
        }
    }
}

#[cfg(test)]
mod tests;
