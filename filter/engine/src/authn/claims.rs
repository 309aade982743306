//! The claims of a token, read by type (RFC 7519 section 4.1).

use std::fmt;

use serde_json::{Map, Number, Value};

use crate::time::UnixTime;

/// A claim is there, but its type is not the one that RFC 7519 gives it. Never to be taken as absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the claim `{0}` has the wrong type")]
pub struct WrongType(pub &'static str);

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

    /// `aud` as a list, whether written as one string or as an array. A number, an object, a boolean or null is a list of
    /// nobody: it is there, and it matches nothing.
    ///
    /// # Errors
    /// An array that holds something other than strings.
    pub fn audiences(&self) -> Result<Option<Vec<&str>>, WrongType> {
        let listed = match self.0.get("aud") {
            None => return Ok(None),
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(several)) => {
                several.iter().map(|item| item.as_str().ok_or(WrongType("aud"))).collect::<Result<_, _>>()?
            }
            Some(_) => Vec::new(),
        };
        Ok(Some(listed))
    }

    /// `exp`, the first moment at which the token is no longer good.
    ///
    /// # Errors
    /// Not a number.
    pub fn expires(&self) -> Result<Option<UnixTime>, WrongType> {
        self.date("exp")
    }

    /// `nbf`, the first moment at which the token is good.
    ///
    /// # Errors
    /// Not a number.
    pub fn not_before(&self) -> Result<Option<UnixTime>, WrongType> {
        self.date("nbf")
    }

    /// `iat`, when the token was made.
    ///
    /// # Errors
    /// Not a number.
    pub fn issued(&self) -> Result<Option<UnixTime>, WrongType> {
        self.date("iat")
    }

    /// The certificate that the token is bound to (RFC 8705 section 3.1): SHA-256 of its DER in base64url. Something else in
    /// its place is the empty text: the token is bound, to no certificate that there is.
    #[must_use]
    pub fn bound_to(&self) -> Option<&str> {
        match self.0.get("cnf")? {
            Value::Object(confirmation) => Some(confirmation.get("x5t#S256")?.as_str().unwrap_or_default()),
            _ => Some(""),
        }
    }

    /// Every claim as it stands in the payload.
    #[must_use]
    pub const fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    fn string(&self, name: &'static str) -> Result<Option<&str>, WrongType> {
        self.0.get(name).map(|value| value.as_str().ok_or(WrongType(name))).transpose()
    }

    fn date(&self, name: &'static str) -> Result<Option<UnixTime>, WrongType> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Number(seconds)) => Ok(Some(time_of(seconds))),
            Some(_) => Err(WrongType(name)),
        }
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Claims([redacted])")
    }
}

/// `NumericDate` (RFC 7519 section 2): seconds, fractions allowed. Rounded down to milliseconds; beyond the range, its end.
fn time_of(seconds: &Number) -> UnixTime {
    match (seconds.as_i64(), seconds.as_f64()) {
        (Some(whole), _) => UnixTime::from_secs(whole),
        (None, Some(fraction)) => UnixTime::from_millis(saturated((fraction * 1000.0).floor())),
        // Not reachable without serde_json's `arbitrary_precision`; the past refuses as `exp`.
        (None, None) => UnixTime::from_millis(i64::MIN),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a float cast to an integer saturates, which is what is wanted")]
const fn saturated(millis: f64) -> i64 {
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
            assert_eq!(claims.issuer(), expected.map_err(|()| WrongType("iss")), "{text}");
            assert_eq!(claims.subject(), expected.map_err(|()| WrongType("sub")), "{text}");
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
            (r#"{"cnf":{}}"#, None),
            (r#"{"cnf":{"jkt":"a"}}"#, None),
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
    fn dates_are_numbers_and_saturate() {
        let rows: [(&str, Option<i64>); 16] = [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("1300819380", Some(1_300_819_380_000)),
            ("1300819380.5", Some(1_300_819_380_500)),
            ("1.3008193809999e9", Some(1_300_819_380_999)),
            ("-1.5", Some(-1500)),
            ("-0.0001", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("18446744073709551615", Some(i64::MAX)),
            ("1e308", Some(i64::MAX)),
            ("-1e308", Some(i64::MIN)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("\"1300819380\"", None),
            ("null", None),
            ("true", None),
            ("[1300819380]", None),
        ];
        for (number, expected) in rows {
            let claims = claims(&format!(r#"{{"exp":{number},"nbf":{number},"iat":{number}}}"#));
            let expected = |name| expected.map(|millis| Some(UnixTime::from_millis(millis))).ok_or(WrongType(name));
            assert_eq!(claims.expires(), expected("exp"), "{number}");
            assert_eq!(claims.not_before(), expected("nbf"), "{number}");
            assert_eq!(claims.issued(), expected("iat"), "{number}");
        }
        assert_eq!(claims("{}").expires(), Ok(None));
    }

    #[test]
    fn debug_shows_no_claim() {
        assert_eq!(format!("{:?}", claims(r#"{"sub":"alice"}"#)), "Claims([redacted])");
    }
}
