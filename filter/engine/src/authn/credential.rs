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
            let read = Credential::read(&[value], Passwords::Tokens).and_then(|credential| {
                match &credential {
                    Credential::Token(token) => check(token).map(|()| credential.clone()),
                    _ => Ok(credential),
                }
            });
            assert_eq!(read, wanted, "{}", String::from_utf8_lossy(value));
        }
        assert_eq!(
            Credential::read(&[], Passwords::Tokens),
            Ok(Credential::Anonymous)
        );
        assert_eq!(
            Credential::read(&[b"Bearer a.b.c", b"Bearer a.b.c"], Passwords::Tokens),
            Err(Reason::SeveralCredentials)
        );
    }

    fn basic_of(text: &[u8]) -> Vec<u8> {
        let mut header = b"Basic ".to_vec();
        header.extend(
            base64::engine::general_purpose::STANDARD
                .encode(text)
                .into_bytes(),
        );
        header
    }

    #[test]
    fn where_people_log_in_a_password_is_that_of_a_user_unless_it_is_a_token() {
        let password = |user: &str, secret: &str| {
            let (user, secret) = (user.to_owned(), Zeroizing::new(secret.to_owned()));
            Ok(Credential::Password(Box::new(Password { user, secret })))
        };
        let malformed = Err(Reason::MalformedCredential);
        let key = format!("zak_{}", "0".repeat(32));
        let long = |user: usize, secret: usize| {
            format!("{}:{}", "u".repeat(user), "s".repeat(secret)).into_bytes()
        };
        let rows: [(&[u8], Result<Credential<'_>, Reason>); 18] = [
            (b"ann:pw", password("ann", "pw")),
            (b"ann: pw \n", password("ann", " pw \n")),
            (b"ann:", password("ann", "")),
            (b":pw", password("", "pw")),
            (b":", Ok(Credential::Anonymous)),
            (b"ann:a:b", password("ann", "a:b")),
            (b"ann:anonymous", password("ann", "anonymous")),
            (b"ann:a.b.c", Ok(token("a.b.c"))),
            (b"ann: a.b.c\n", Ok(token("a.b.c"))),
            (b"ann:a.b", password("ann", "a.b")),
            (b"ann:a.b.c.d", password("ann", "a.b.c.d")),
            (b"ann:a..c", password("ann", "a..c")),
            (b"ann:a.b!.c", password("ann", "a.b!.c")),
            (b"ann:\xc3\xa9", password("ann", "\u{e9}")),
            (b"ann:\xe9", malformed.clone()),
            (b"\xe9:pw", malformed.clone()),
            (b"ann", malformed.clone()),
            (b"", malformed.clone()),
        ];
        for (text, wanted) in rows {
            let header = basic_of(text);
            let read = Credential::read(&[&header], Passwords::OfUsers);
            assert_eq!(read, wanted, "{}", String::from_utf8_lossy(text));
        }
        let header = basic_of(format!("ann:{key}").as_bytes());
        let read = Credential::read(&[&header], Passwords::OfUsers);
        assert_eq!(read, password("ann", &key));
        for (text, accepted) in [
            (long(MAX_USER, MAX_SECRET), true),
            (long(MAX_USER + 1, 1), false),
            (long(1, MAX_SECRET + 1), false),
        ] {
            let header = basic_of(&text);
            let read = Credential::read(&[&header], Passwords::OfUsers).err();
            assert_eq!(read, (!accepted).then_some(Reason::TokenTooLong));
        }
        let rows: [(&[u8], Result<Credential<'_>, Reason>); 4] = [
            (b"", Ok(Credential::Anonymous)),
            (b"Basic YWxpY2U6YWxpY2Vwdw", malformed.clone()),
            (b"Bearer anonymous", Ok(Credential::Anonymous)),
            (b"Digest x", malformed),
        ];
        for (value, wanted) in rows {
            let read = Credential::read(&[value], Passwords::OfUsers);
            assert_eq!(read, wanted, "{}", String::from_utf8_lossy(value));
        }
    }

    #[test]
    fn a_session_is_in_one_cookie() {
        type Row<'a> = (&'a [&'a [u8]], Option<&'a [u8]>);
        let rows: [Row<'_>; 10] = [
            (&[], None),
            (&[b"session=a.b.c"], Some(b"a.b.c")),
            (&[b"user=ann; session=a.b.c; x=y"], Some(b"a.b.c")),
            (&[b"user=ann", b"session=a.b.c"], Some(b"a.b.c")),
            (&[b"session="], None),
            (&[b"session"], None),
            (&[b"xsession=a"], None),
            (&[b"Session=a"], None),
            (&[b"session=a; session=b"], None),
            (&[b"session=a", b"session=a"], None),
        ];
        for (values, wanted) in rows {
            assert_eq!(session(values), wanted, "{values:?}");
        }
    }

    #[test]
    fn the_longest_token_is_read_and_one_byte_more_is_not() {
        let longest = "a".repeat(MAX_TOKEN);
        for (token, accepted) in [(longest.clone(), true), (longest + "a", false)] {
            let bearer = format!("Bearer {token}");
            let basic = format!("Basic {}", BASE64.encode(format!("user:{token}")));
            for header in [bearer, basic] {
                let read = Credential::read(&[header.as_bytes()], Passwords::Tokens);
                assert_eq!(read.err(), (!accepted).then_some(Reason::TokenTooLong));
            }
        }
    }

    #[test]
    fn debug_shows_no_token() {
        let read = |value| Credential::read(&[value], Passwords::OfUsers);
        let shown = format!(
            "{:?} {:?} {:?}",
            read(b"Bearer secret"),
            read(b"Basic YW5uOnNlY3JldA=="),
            Credential::Session(b"secret".into())
        );
        assert!(!shown.contains("secret"), "{shown}");
    }
}
