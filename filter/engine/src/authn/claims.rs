//! The claims of a token, read by type (RFC 7519 section 4.1).

use std::fmt;

use serde_json::{Map, Number, Value};

use crate::time::UnixTime;

/// A claim is present, but its type is not the one that RFC 7519 gives it, or it is a time out of
/// range. Never treated as absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the claim `{0}` has the wrong type")]
pub struct WrongType(pub &'static str);

/// The claim that binds a token to a key or a certificate (RFC 7800 section 3.1).
pub(crate) const CONFIRMATION: &str = "cnf";
/// Its member for certificates (RFC 8705 section 3.1).
pub(crate) const THUMBPRINT: &str = "x5t#S256";

/// A claims set. Holding one proves nothing: only a `VerifiedToken`'s claims are true.
#[derive(Clone, PartialEq)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// The claims set of a JSON object.
    #[must_use]
    pub const fn new(members: Map<String, Value>) -> Self {
        Self(members)
    }

    /// `iss`.
    ///
    /// # Errors
    /// Not a string.
    pub fn issuer(&self) -> Result<Option<&str>, WrongType> {
        self.string("iss")
    }

    /// `sub`.
    ///
    /// # Errors
    /// Not a string.
    pub fn subject(&self) -> Result<Option<&str>, WrongType> {
        self.string("sub")
    }

    /// `aud` as a list, whether written as one string or as an array. A number, an object, a
    /// boolean or null is the empty list: the claim is present, and it matches nothing.
    ///
    /// # Errors
    /// An array that holds something other than strings.
    pub fn audiences(&self) -> Result<Option<Vec<&str>>, WrongType> {
        let listed = match self.0.get("aud") {
            None => return Ok(None),
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(several)) => several
                .iter()
                .map(|item| item.as_str().ok_or(WrongType("aud")))
                .collect::<Result<_, _>>()?,
            Some(_) => Vec::new(),
        };
        Ok(Some(listed))
    }

    /// `exp`, the first moment at which the token is no longer valid; rounded down to milliseconds.
    ///
    /// # Errors
    /// Not a number, or out of range.
    pub fn expires(&self) -> Result<Option<UnixTime>, WrongType> {
        self.date("exp", f64::floor)
    }

    /// `nbf`, the first moment at which the token is valid; rounded up to milliseconds.
    ///
    /// # Errors
    /// Not a number, or out of range.
    pub fn not_before(&self) -> Result<Option<UnixTime>, WrongType> {
        self.date("nbf", f64::ceil)
    }

    /// `iat`, when the token was made; rounded up to milliseconds.
    ///
    /// # Errors
    /// Not a number, or out of range.
    pub fn issued(&self) -> Result<Option<UnixTime>, WrongType> {
        self.date("iat", f64::ceil)
    }

    /// Returns true if this is a security event (RFC 8417 section 2.2), such as a logout token,
    /// whatever `events` holds.
    #[must_use]
    pub fn is_event(&self) -> bool {
        self.0.contains_key("events")
    }

    /// The certificate that the token is bound to (RFC 8705 section 3.1): SHA-256 of its DER in
    /// base64url. Something else in its place, and a `cnf` that names no certificate but another
    /// proof (RFC 7800 section 3.1, such as `jkt` of RFC 9449), is the empty text: the token is
    /// bound, and no certificate is the proof.
    #[must_use]
    pub fn bound_to(&self) -> Option<&str> {
        match self.0.get(CONFIRMATION)? {
            Value::Object(confirmation) => {
                let thumbprint = confirmation.get(THUMBPRINT).and_then(Value::as_str);
                Some(thumbprint.unwrap_or_default())
            }
            _ => Some(""),
        }
    }

    /// Every claim as it is in the payload.
    #[must_use]
    pub const fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    fn string(&self, name: &'static str) -> Result<Option<&str>, WrongType> {
        self.0
            .get(name)
            .map(|value| value.as_str().ok_or(WrongType(name)))
            .transpose()
    }

    fn date(
        &self,
        name: &'static str,
        round: fn(f64) -> f64,
    ) -> Result<Option<UnixTime>, WrongType> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Number(seconds)) => {
                time_of(seconds, round).ok_or(WrongType(name)).map(Some)
            }
            Some(_) => Err(WrongType(name)),
        }
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Claims([redacted])")
    }
}

/// The first number of milliseconds that is too large, as a floating-point number: 2^63.
const OUT_OF_RANGE: f64 = 9_223_372_036_854_775_808.0;

/// `NumericDate` (RFC 7519 section 2): seconds, in any form that JSON has for a number. `None` if
/// milliseconds do not fit.
fn time_of(seconds: &Number, round: fn(f64) -> f64) -> Option<UnixTime> {
    if let Some(whole) = seconds.as_i64() {
        return whole.checked_mul(1000).map(UnixTime::from_millis);
    }
    let seconds = seconds.as_f64()?;
    let whole = seconds.floor();
    let millis = whole * 1000.0 + round((seconds - whole) * 1000.0);
    (-OUT_OF_RANGE..OUT_OF_RANGE)
        .contains(&millis)
        .then(|| UnixTime::from_millis(truncated(millis)))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the number is whole and in range"
)]
const fn truncated(millis: f64) -> i64 {
    millis as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(text: &str) -> Claims {
        Claims::new(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn text_claims_are_strings_or_absent_or_an_error() {
        let rows: [(&str, Result<Option<&str>, ()>); 9] = [
            (r"{}", Ok(None)),
            (r#"{"iss":"a","sub":"a"}"#, Ok(Some("a"))),
            (r#"{"iss":"","sub":""}"#, Ok(Some(""))),
            (r#"{"iss":1,"sub":1}"#, Err(())),
            (r#"{"iss":["a"],"sub":["a"]}"#, Err(())),
            (r#"{"iss":null,"sub":null}"#, Err(())),
            (r#"{"iss":{},"sub":{}}"#, Err(())),
            (r#"{"iss":true,"sub":true}"#, Err(())),
            (r#"{"ISS":"a","SUB":"a"}"#, Ok(None)),
        ];
        for (text, expected) in rows {
            let claims = claims(text);
            assert_eq!(
                claims.issuer(),
                expected.map_err(|()| WrongType("iss")),
                "{text}"
            );
            assert_eq!(
                claims.subject(),
                expected.map_err(|()| WrongType("sub")),
                "{text}"
            );
        }
    }

    #[test]
    fn an_audience_is_a_string_or_strings() {
        let rows = [
            (r"{}", Ok(None)),
            (r#"{"aud":"a"}"#, Ok(Some(vec!["a"]))),
            (r#"{"aud":["a","b"]}"#, Ok(Some(vec!["a", "b"]))),
            (r#"{"aud":[]}"#, Ok(Some(vec![]))),
            (r#"{"aud":["a",1]}"#, Err(WrongType("aud"))),
            (r#"{"aud":["a",null]}"#, Err(WrongType("aud"))),
            (r#"{"aud":[["a"]]}"#, Err(WrongType("aud"))),
            (r#"{"aud":12345}"#, Ok(Some(vec![]))),
            (r#"{"aud":{"a":1}}"#, Ok(Some(vec![]))),
            (r#"{"aud":null}"#, Ok(Some(vec![]))),
        ];
        for (text, expected) in rows {
            assert_eq!(claims(text).audiences(), expected, "{text}");
        }
    }

    #[test]
    fn a_token_is_bound_when_it_says_so_in_whatever_form() {
        let rows = [
            (r"{}", None),
            (r#"{"cnf":{}}"#, Some("")),
            (r#"{"cnf":{"jkt":"a"}}"#, Some("")),
            (r#"{"cnf":{"jkt":"a","x5t#S256":"abc"}}"#, Some("abc")),
            (r#"{"cnf":{"x5t#S256":"abc"}}"#, Some("abc")),
            (r#"{"cnf":{"x5t#S256":1}}"#, Some("")),
            (r#"{"cnf":{"x5t#S256":null}}"#, Some("")),
            (r#"{"cnf":"abc"}"#, Some("")),
            (r#"{"cnf":null}"#, Some("")),
        ];
        for (text, expected) in rows {
            assert_eq!(claims(text).bound_to(), expected, "{text}");
        }
    }

    #[test]
    fn dates_are_numbers_of_any_form_and_nothing_lives_longer() {
        // (number, `exp`, `nbf` and `iat`), in milliseconds; nothing where the number is refused.
        let rows: [(&str, Option<(i64, i64)>); 26] = [
            ("0", Some((0, 0))),
            ("-0", Some((0, 0))),
            ("1300819380", Some((1_300_819_380_000, 1_300_819_380_000))),
            ("1300819380.0", Some((1_300_819_380_000, 1_300_819_380_000))),
            ("1300819380.5", Some((1_300_819_380_500, 1_300_819_380_500))),
            ("1.9e9", Some((1_900_000_000_000, 1_900_000_000_000))),
            ("1.9E+9", Some((1_900_000_000_000, 1_900_000_000_000))),
            (
                "19000000000e-1",
                Some((1_900_000_000_000, 1_900_000_000_000)),
            ),
            (
                "1.3008193809999e9",
                Some((1_300_819_380_999, 1_300_819_381_000)),
            ),
            (
                "1300819380.0001",
                Some((1_300_819_380_000, 1_300_819_380_001)),
            ),
            ("-1.5", Some((-1500, -1500))),
            ("-0.0001", Some((-1, 0))),
            (
                "9223372036854775",
                Some((9_223_372_036_854_775_000, 9_223_372_036_854_775_000)),
            ),
            (
                "-9223372036854775",
                Some((-9_223_372_036_854_775_000, -9_223_372_036_854_775_000)),
            ),
            (
                "9.2e15",
                Some((9_200_000_000_000_000_000, 9_200_000_000_000_000_000)),
            ),
            ("9223372036854776", None),
            ("9.3e15", None),
            ("-9.3e15", None),
            ("9223372036854775807", None),
            ("18446744073709551615", None),
            ("1e308", None),
            ("-1e308", None),
            ("\"1300819380\"", None),
            ("null", None),
            ("true", None),
            ("[1300819380]", None),
        ];
        for (number, expected) in rows {
            let claims = claims(&format!(
                r#"{{"exp":{number},"nbf":{number},"iat":{number}}}"#
            ));
            let time = |name, millis: Option<i64>| {
                millis
                    .map(|millis| Some(UnixTime::from_millis(millis)))
                    .ok_or(WrongType(name))
            };
            let (down, up) = (expected.map(|(down, _)| down), expected.map(|(_, up)| up));
            assert_eq!(claims.expires(), time("exp", down), "{number}");
            assert_eq!(claims.not_before(), time("nbf", up), "{number}");
            assert_eq!(claims.issued(), time("iat", up), "{number}");
        }
        assert_eq!(claims("{}").expires(), Ok(None));
    }

    #[test]
    fn debug_shows_no_claim() {
        assert_eq!(
            format!("{:?}", claims(r#"{"sub":"alice"}"#)),
            "Claims([redacted])"
        );
    }
}
