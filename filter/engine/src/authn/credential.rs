//! What a caller presents: the `Authorization` header, read once and strictly.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use crate::authn::token::MAX_TOKEN;
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

/// What was presented.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential<'a> {
    /// Nothing.
    Anonymous,
    /// Something that should be a JWT: a Bearer token, or the password of Basic.
    Token(Cow<'a, [u8]>),
}

impl<'a> Credential<'a> {
    /// Reads all values of `Authorization`.
    ///
    /// # Errors
    /// `SeveralCredentials` for more than one value, `TokenTooLong`, otherwise
    /// `MalformedCredential`. A credential that cannot be read is refused, never taken as none.
    pub fn read(values: &[&'a [u8]]) -> Result<Self, Reason> {
        let value = match values {
            [] => return Ok(Self::Anonymous),
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
            match password(rest)? {
                Some(password) => Cow::Owned(password),
                None => return Ok(Self::Anonymous),
            }
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
        }
    }
}

/// The password of Basic credentials (RFC 7617) without blanks and line feeds around it; the user
/// name decides nothing. Nothing if both are empty: so clients of the containers project (skopeo,
/// podman) answer a Basic challenge when they have no credential.
fn password(encoded: &[u8]) -> Result<Option<Vec<u8>>, Reason> {
    if encoded.len() > MAX_BASIC {
        return Err(Reason::TokenTooLong);
    }
    let decoded = BASE64
        .decode(encoded)
        .map_err(|_| Reason::MalformedCredential)?;
    let colon = decoded
        .iter()
        .position(|byte| *byte == b':')
        .ok_or(Reason::MalformedCredential)?;
    let (user, password) = decoded.split_at(colon);
    let password = password.get(1..).unwrap_or_default();
    Ok((!user.is_empty() || !password.is_empty()).then(|| password.trim_ascii().to_owned()))
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
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &str) -> Credential<'_> {
        Credential::Token(text.as_bytes().into())
    }

    #[test]
    fn a_header_is_read_or_refused_but_never_ignored() {
        let rows: [(&[u8], Result<Credential<'_>, Reason>); 25] = [
            (b"Bearer a.b.c", Ok(token("a.b.c"))),
            (b"bearer a.b.c", Ok(token("a.b.c"))),
            (b"BEARER   a.b.c ", Ok(token("a.b.c"))),
            (b"Basic dTphLmIuYw==", Ok(token("a.b.c"))),
            (b"basic dTphLmIuYw", Ok(token("a.b.c"))),
            (b"Basic OmEuYi5j", Ok(token("a.b.c"))),
            (b"Basic dTogYS5iLmMgCg==", Ok(token("a.b.c"))),
            (b"Bearer anonymous", Ok(Credential::Anonymous)),
            (b"Basic dTphbm9ueW1vdXM=", Ok(Credential::Anonymous)),
            (b"", Err(Reason::MalformedCredential)),
            (b"Bearer", Err(Reason::MalformedCredential)),
            (b"Bearer ", Err(Reason::MalformedCredential)),
            (b"a.b.c", Err(Reason::MalformedCredential)),
            (b"x Bearer a.b.c", Err(Reason::MalformedCredential)),
            (
                b"Bearer a.b.c,Bearer d.e.f",
                Err(Reason::MalformedCredential),
            ),
            (b"Bearer a.b.c, Basic x", Err(Reason::MalformedCredential)),
            (b"Bearer a.b.c d", Err(Reason::MalformedCredential)),
            (b"Bearer \xff\xfe", Err(Reason::MalformedCredential)),
            (b"Bearer\ta.b.c", Err(Reason::MalformedCredential)),
            (b"Basic Og==", Ok(Credential::Anonymous)),
            (b"Basic dTo=", Err(Reason::MalformedCredential)),
            (b"Basic dTogCg==", Err(Reason::MalformedCredential)),
            (b"Basic dXNlcg==", Err(Reason::MalformedCredential)),
            (b"Basic !!", Err(Reason::MalformedCredential)),
            (b"Digest x", Err(Reason::MalformedCredential)),
        ];
        for (value, wanted) in rows {
            let read = Credential::read(&[value]).and_then(|credential| match &credential {
                Credential::Token(token) => check(token).map(|()| credential.clone()),
                Credential::Anonymous => Ok(credential),
            });
            assert_eq!(read, wanted, "{}", String::from_utf8_lossy(value));
        }
        assert_eq!(Credential::read(&[]), Ok(Credential::Anonymous));
        assert_eq!(
            Credential::read(&[b"Bearer a.b.c", b"Bearer a.b.c"]),
            Err(Reason::SeveralCredentials)
        );
    }

    #[test]
    fn the_longest_token_is_read_and_one_byte_more_is_not() {
        let longest = "a".repeat(MAX_TOKEN);
        for (token, accepted) in [(longest.clone(), true), (longest + "a", false)] {
            let bearer = format!("Bearer {token}");
            let basic = format!("Basic {}", BASE64.encode(format!("user:{token}")));
            for header in [bearer, basic] {
                let read = Credential::read(&[header.as_bytes()]);
                assert_eq!(read.err(), (!accepted).then_some(Reason::TokenTooLong));
            }
        }
    }

    #[test]
    fn debug_shows_no_token() {
        assert!(!format!("{:?}", Credential::read(&[b"Bearer secret"])).contains("secret"));
    }
}
