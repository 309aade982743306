//! What a caller presents: the `Authorization` header, read once and strictly.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use zeroize::Zeroizing;

use crate::authn::token::MAX_TOKEN;
use crate::login::COOKIE;
use crate::reason::Reason;

/// The token that stands for "no credential", for clients that cannot ask for a token without
/// sending one afterwards.
pub(crate) const ANONYMOUS: &str = "anonymous";

/// Bytes for a user name in addition to a token of the greatest length, in base64.
const MAX_BASIC: usize = (MAX_TOKEN + 1024) / 3 * 4;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The longest user name that is sent to a login service, in bytes.
pub const MAX_USER: usize = 1024;

/// The longest password or API key, in bytes.
pub const MAX_SECRET: usize = 4096;

/// What was presented.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential<'a> {
    /// Nothing.
    Anonymous,
    /// Something that should be a JWT: a Bearer token, or the password of Basic.
    Token(Cow<'a, [u8]>),
    /// A user name with a password or an API key, where people log in.
    Password(Box<Password>),
    /// The cookie of a session, where people log in.
    Session(Cow<'a, [u8]>),
}

/// A user name and a secret, as they were sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Password {
    /// The user name.
    pub user: String,
    /// A password or an API key.
    pub secret: Zeroizing<String>,
}

/// How a password that is no token is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passwords {
    /// As a token, which it should be.
    Tokens,
    /// As that of a user: people log in.
    OfUsers,
}

impl<'a> Credential<'a> {
    /// Reads all values of `Authorization`.
    ///
    /// # Errors
    /// `SeveralCredentials` for more than one value, `TokenTooLong`, otherwise
    /// `MalformedCredential`. A credential that cannot be read is refused, never taken as none.
    pub fn read(values: &[&'a [u8]], passwords: Passwords) -> Result<Self, Reason> {
        let value = match values {
            [] => return Ok(Self::Anonymous),
            // zot takes an empty field for none.
            [[]] if passwords == Passwords::OfUsers => return Ok(Self::Anonymous),
            [value] => trim(value),
            _ => return Err(Reason::SeveralCredentials),
        };
        let blank = value
            .iter()
            .position(|byte| *byte == b' ')
            .ok_or(Reason::MalformedCredential)?;
        let (scheme, rest) = value.split_at(blank);
        let rest = trim(rest);
        let token = if scheme.eq_ignore_ascii_case(b"bearer") {
            Cow::Borrowed(rest)
        } else if scheme.eq_ignore_ascii_case(b"basic") {
            let Some((user, password)) = basic(rest)? else {
                return Ok(Self::Anonymous);
            };
            if passwords == Passwords::OfUsers && !is_token(password.trim_ascii()) {
                // zot reads standard base64 with its padding.
                return if rest.len().is_multiple_of(4) {
                    Self::of_password(user, password)
                } else {
                    Err(Reason::MalformedCredential)
                };
            }
            Cow::Owned(password.trim_ascii().to_owned())
        } else {
            return Err(Reason::MalformedCredential);
        };
        Self::of_length(token)
    }

    /// Reads a token without a scheme, such as a field of a form.
    ///
    /// # Errors
    /// `TokenTooLong`, otherwise `MalformedCredential`.
    pub(crate) fn of_token(token: &'a str) -> Result<Self, Reason> {
        if token.len() <= MAX_TOKEN {
            check(token.as_bytes())?;
        }
        Self::of_length(token.as_bytes().into())
    }

    /// Takes a user name and a secret that is no token.
    ///
    /// # Errors
    /// `TokenTooLong`, otherwise `MalformedCredential` for bytes that are no text.
    fn of_password(user: Vec<u8>, secret: Vec<u8>) -> Result<Self, Reason> {
        let secret = String::from_utf8(secret).map(Zeroizing::new);
        let secret = secret.map_err(|_| Reason::MalformedCredential)?;
        let user = String::from_utf8(user).map_err(|_| Reason::MalformedCredential)?;
        if user.len() > MAX_USER || secret.len() > MAX_SECRET {
            return Err(Reason::TokenTooLong);
        }
        Ok(Self::Password(Box::new(Password { user, secret })))
    }

    /// Reads the password of a form, with the user name of the form.
    ///
    /// # Errors
    /// As [`Credential::of_token`].
    pub(crate) fn of_form(
        user: &str,
        password: &'a str,
        passwords: Passwords,
    ) -> Result<Self, Reason> {
        let token = password.trim();
        if passwords == Passwords::Tokens || is_token(token.as_bytes()) || token == ANONYMOUS {
            return Self::of_token(token);
        }
        Self::of_password(user.as_bytes().to_owned(), password.as_bytes().to_owned())
    }

    fn of_length(token: Cow<'a, [u8]>) -> Result<Self, Reason> {
        if token.len() > MAX_TOKEN {
            return Err(Reason::TokenTooLong);
        }
        if *token == *ANONYMOUS.as_bytes() {
            return Ok(Self::Anonymous);
        }
        if token.is_empty() {
            return Err(Reason::MalformedCredential);
        }
        Ok(Self::Token(token))
    }

    /// The same with owned data.
    #[must_use]
    pub fn into_owned(self) -> Credential<'static> {
        match self {
            Self::Anonymous => Credential::Anonymous,
            Self::Token(token) => Credential::Token(Cow::Owned(token.into_owned())),
            Self::Password(password) => Credential::Password(password),
            Self::Session(token) => Credential::Session(Cow::Owned(token.into_owned())),
        }
    }
}

/// A user name and a password.
type Pair = (Vec<u8>, Vec<u8>);

/// User name and password of Basic credentials (RFC 7617). Nothing if both are empty: so clients of
/// the containers project (skopeo, podman) answer a Basic challenge when they have no credential.
fn basic(encoded: &[u8]) -> Result<Option<Pair>, Reason> {
    if encoded.len() > MAX_BASIC {
        return Err(Reason::TokenTooLong);
    }
    let decoded = BASE64
        .decode(encoded)
        .map(Zeroizing::new)
        .map_err(|_| Reason::MalformedCredential)?;
    let colon = decoded
        .iter()
        .position(|byte| *byte == b':')
        .ok_or(Reason::MalformedCredential)?;
    let (user, password) = decoded.split_at(colon);
    let password = password.get(1..).unwrap_or_default();
    let is_empty = user.is_empty() && password.is_empty();
    Ok((!is_empty).then(|| (user.to_owned(), password.to_owned())))
}

/// Returns true if a password has the form of a JWT: it is no password then, and is sent to no
/// directory.
fn is_token(password: &[u8]) -> bool {
    let is_base64url = |part: &[u8]| {
        !part.is_empty()
            && part
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    let mut parts = password.split(|byte| *byte == b'.');
    parts
        .by_ref()
        .take(3)
        .filter(|part| is_base64url(part))
        .count()
        == 3
        && parts.next().is_none()
}

/// The session in the values of `Cookie` (RFC 6265 section 4.2); `None` if there is none, or more
/// than one: a page of a sibling domain may have set the others.
#[must_use]
pub fn session<'a>(values: &[&'a [u8]]) -> Option<&'a [u8]> {
    let pairs = values
        .iter()
        .flat_map(|value| value.split(|byte| *byte == b';'));
    let mut sessions = pairs.filter_map(|pair| {
        let pair = pair.trim_ascii();
        pair.strip_prefix(COOKIE.as_bytes())?.strip_prefix(b"=")
    });
    let session = sessions.next()?;
    (!session.is_empty() && session.len() <= MAX_TOKEN && sessions.next().is_none())
        .then_some(session)
}

/// Without the blanks around it.
const fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ', rest @ ..] | [rest @ .., b' '] = value {
        value = rest;
    }
    value
}

/// Checks each character of a credential: a second step, because a token that is cached or can be
/// parsed does not need it.
///
/// # Errors
/// `MalformedCredential` if it is not a `b64token` (RFC 6750 section 2.1).
pub(crate) fn check(token: &[u8]) -> Result<(), Reason> {
    if is_b64token(token) {
        Ok(())
    } else {
        Err(Reason::MalformedCredential)
    }
}

/// Returns true if all characters are those of a `b64token` (RFC 6750 section 2.1).
#[must_use]
pub fn is_b64token(text: &[u8]) -> bool {
    text.iter()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(byte))
}

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Anonymous => "Anonymous",
            Self::Token(_) => "Token([redacted])",
            Self::Password(_) => "Password([redacted])",
            Self::Session(_) => "Session([redacted])",
        })
    }
}

#[cfg(test)]
mod tests;
