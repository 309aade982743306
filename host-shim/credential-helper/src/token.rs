//! Whether a token is good for a registry.
//!
//! The signature is not checked: the registry does that. What is checked are the mistakes that a
//! workload can make, so that its user reads about them here and not as a refusal.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// The longest token, in bytes; the filter accepts no longer one.
pub const MAX_TOKEN: usize = 48 * 1024;
/// How long a token has to be good for still, in seconds.
pub const MIN_LIFE: i64 = 30;
/// The longest audience that a message shows, in characters.
const SHOWN: usize = 100;

/// A token that is good for an audience.
#[derive(Clone, PartialEq)]
pub struct Token {
    text: String,
    claims: Map<String, Value>,
}

/// Why a token is not good. No message holds a part of it but its audience.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is not a JWT.
    #[error("what it gave is not a JWT: three parts of base64url with a dot between them")]
    NotAToken,
    /// It is longer than [`MAX_TOKEN`].
    #[error("what it gave is longer than {MAX_TOKEN} bytes")]
    TooLong,
    /// It has no `exp`.
    #[error("the token has no `exp`")]
    NoEnd,
    /// It has ended, or is about to.
    #[error("the token {}", ended(*.0))]
    Ended(i64),
    /// It is for others too.
    #[error("the token is for {}, and only one is wanted", named(.0))]
    Several(Vec<String>),
    /// It is for others.
    #[error("the token is for {}, not for the audience `{wanted}`", named(.found))]
    Audience {
        /// Its audiences.
        found: Vec<String>,
        /// That of the registry.
        wanted: String,
    },
}

impl Token {
    /// Checks a token: three parts, an end later than in [`MIN_LIFE`] seconds, the audience. White
    /// space around it is ignored. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn check(text: &str, audience: &str, now: i64) -> Result<Self, TokenError> {
        let text = text.trim();
        if text.len() > MAX_TOKEN {
            return Err(TokenError::TooLong);
        }
        let claims = claims(text).ok_or(TokenError::NotAToken)?;
        let end = claims.get("exp").and_then(seconds);
        let left = end.ok_or(TokenError::NoEnd)?.saturating_sub(now);
        if left <= MIN_LIFE {
            return Err(TokenError::Ended(left));
        }
        let found = audiences_of(&claims);
        if !found.iter().any(|found| found == audience) {
            return Err(TokenError::Audience {
                found,
                wanted: audience.to_owned(),
            });
        }
        Ok(Self {
            text: text.to_owned(),
            claims,
        })
    }

    /// Checks a token as [`check`](Self::check) does, and that it has no other audience: whoever gets
    /// it could use it there.
    ///
    /// # Errors
    /// See [`TokenError`].
    pub fn check_only(text: &str, audience: &str, now: i64) -> Result<Self, TokenError> {
        let token = Self::check(text, audience, now)?;
        let found = audiences_of(&token.claims);
        if found == [audience] {
            Ok(token)
        } else {
            Err(TokenError::Several(found))
        }
    }

    /// Returns the token: a secret.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.text
    }

    /// Returns its claims, whoever has signed it.
    #[must_use]
    pub const fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }
}

/// Returns the audiences of a token, good or not; none if it is not a JWT.
#[must_use]
pub fn audiences(text: &str) -> Vec<String> {
    let claims = claims(text.trim());
    claims.map_or_else(Vec::new, |claims| audiences_of(&claims))
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token([redacted])")
    }
}

/// Returns the claims of a JWT in its compact form (RFC 7515 section 3.1).
fn claims(text: &str) -> Option<Map<String, Value>> {
    let mut parts = text.split('.');
    let [header, payload, signature] = [parts.next()?, parts.next()?, parts.next()?];
    if parts.next().is_some() || signature.is_empty() {
        return None;
    }
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    decode(signature)?;
    let header: Value = serde_json::from_slice(&decode(header)?).ok()?;
    header.as_object()?;
    serde_json::from_slice(&decode(payload)?).ok()
}

/// Returns a `NumericDate` in whole seconds (RFC 7519 section 2).
fn seconds(value: &Value) -> Option<i64> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a cast of a number with a fraction saturates"
    )]
    let whole = |number: f64| number as i64;
    value.as_i64().or_else(|| value.as_f64().map(whole))
}

fn audiences_of(claims: &Map<String, Value>) -> Vec<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    match claims.get("aud") {
        Some(Value::Array(list)) => list.iter().filter_map(text).collect(),
        Some(one) => text(one).into_iter().collect(),
        None => Vec::new(),
    }
}

fn ended(left: i64) -> String {
    if left <= 0 {
        format!("ended {} s ago", left.saturating_neg())
    } else {
        format!("ends in {left} s")
    }
}

fn named(found: &[String]) -> String {
    let cut = |one: &String| one.chars().take(SHOWN).collect::<String>();
    let shown: Vec<_> = found
        .iter()
        .map(|one| format!("`{}`", cut(one).escape_debug()))
        .collect();
    match shown.as_slice() {
        [] => "no audience".to_owned(),
        [first, .., last] if shown.len() > 3 => {
            format!("{} audiences from {first} to {last}", shown.len())
        }
        all => format!("the audience {}", all.join(", ")),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// Returns a token with these claims and a signature that nobody has made.
    pub(crate) fn token(claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.c2ln", part(&json!({"alg": "ES256"})), part(claims))
    }

    #[test]
    fn a_token_is_good_or_says_why_not() {
        let now = 1_000;
        let good = |aud: Value| token(&json!({"aud": aud, "exp": 1_031, "sub": "tops3cret"}));
        let ends = |exp: Value| token(&json!({"aud": "a", "exp": exp}));
        let many: Vec<_> = (0..9).map(|index| format!("b{index}")).collect();
        let rows = [
            (good(json!("a")), ""),
            (good(json!(["b", "a"])), ""),
            (format!(" {}\r\n", good(json!("a"))), ""),
            (ends(json!(1_031.5)), ""),
            (ends(json!(1_030)), "the token ends in 30 s"),
            (ends(json!(999)), "the token ended 1 s ago"),
            (ends(json!(-1e300)), "the token ended"),
            (ends(json!("1031")), "the token has no `exp`"),
            (token(&json!({"aud": "a"})), "the token has no `exp`"),
            (
                good(json!("https://github.com/acme")),
                "the token is for the audience `https://github.com/acme`, not for the audience `a`",
            ),
            (
                good(json!(["b", "c"])),
                "the token is for the audience `b`, `c`, not",
            ),
            (
                good(json!(many)),
                "the token is for 9 audiences from `b0` to `b8`, not",
            ),
            (good(json!("x\n\u{1b}[31m")), r"`x\n\u{1b}[31m`, not"),
            (good(json!(7)), "the token is for no audience, not for"),
            (
                token(&json!({"exp": 9_999})),
                "the token is for no audience, not for",
            ),
            (token(&json!([])), "is not a JWT"),
            (String::new(), "is not a JWT"),
            ("tops3cret".to_owned(), "is not a JWT"),
            ("e30.e30.".to_owned(), "is not a JWT"),
            ("e30.e30.c2ln.c2ln".to_owned(), "is not a JWT"),
            ("e30.tops3cret!.c2ln".to_owned(), "is not a JWT"),
            (format!("Bearer {}", good(json!("a"))), "is not a JWT"),
            ("a".repeat(MAX_TOKEN + 1), "is longer than 49152 bytes"),
        ];
        for (text, expected) in rows {
            match Token::check(&text, "a", now) {
                Ok(token) => {
                    assert_eq!(expected, "", "{text}");
                    assert_eq!(token.secret(), text.trim());
                    assert_eq!(format!("{token:?}"), "Token([redacted])");
                }
                Err(error) => {
                    let message = error.to_string();
                    assert!(
                        !expected.is_empty() && message.contains(expected),
                        "{message}"
                    );
                    assert!(!message.contains("tops3cret"), "{message}");
                }
            }
        }
    }

    #[test]
    fn where_one_audience_is_wanted_there_is_no_other() {
        let of = |aud: Value| token(&json!({"aud": aud, "exp": 9_999}));
        let rows = [
            (of(json!("a")), ""),
            (of(json!(["a"])), ""),
            (
                of(json!(["a", "https://kubernetes.default.svc"])),
                "the token is for the audience `a`, `https://kubernetes.default.svc`, and only one is wanted",
            ),
            (
                of(json!(["a", "a"])),
                "the token is for the audience `a`, `a`, and only",
            ),
            (
                of(json!(["b"])),
                "the token is for the audience `b`, not for",
            ),
        ];
        for (text, expected) in rows {
            let found = Token::check_only(&text, "a", 1_000)
                .map_or_else(|error| error.to_string(), |_| String::new());
            assert!(found.starts_with(expected), "{found}");
            assert_eq!(found.is_empty(), expected.is_empty(), "{found}");
        }
        assert_eq!(audiences(&of(json!(["a", "b"]))), ["a", "b"]);
        assert!(audiences("opaque").is_empty());
    }
}
