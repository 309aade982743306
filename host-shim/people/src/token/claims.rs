//! What a login token says.

use std::time::Duration;

use registry_auth_engine::UnixTime;
use registry_auth_engine::login::{Audience, ISSUER, claim};
use serde_json::{Map, Value, json};

use crate::person::Person;

/// The longest life of a token of an audience, which is how long a client may go on that nobody
/// checks again.
#[must_use]
pub const fn longest(audience: Audience) -> Duration {
    match audience {
        Audience::Login | Audience::Token => Duration::from_mins(5),
        Audience::Session => Duration::from_hours(2),
    }
}

/// The claims of a person's token. It ends after `lifetime`, but no later than its audience and the
/// login allow. `parents` are the ids of the logins that this one comes from: it ends with any.
pub(super) fn claims(
    person: &Person,
    parents: &[String],
    audience: Audience,
    lifetime: Duration,
    now: UnixTime,
) -> Value {
    let end = now.after(lifetime.min(longest(audience)));
    let end = person.not_after.map_or(end, |latest| end.min(latest));
    let mut claims = Map::from_iter([
        ("iss".to_owned(), json!(ISSUER)),
        ("aud".to_owned(), json!(audience.as_str())),
        ("sub".to_owned(), json!(person.user)),
        (claim::GROUPS.to_owned(), json!(person.groups)),
        (
            claim::METHODS.to_owned(),
            json!([person.method.to_string()]),
        ),
        (claim::ID.to_owned(), json!(person.sid)),
        ("iat".to_owned(), json!(now.secs())),
        ("nbf".to_owned(), json!(now.secs())),
        ("exp".to_owned(), json!(end.secs())),
    ]);
    for (name, list) in [(claim::PARENTS, parents), (claim::SCOPE, &person.scopes)] {
        if !list.is_empty() {
            claims.insert(name.to_owned(), json!(list));
        }
    }
    Value::Object(claims)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::person::Method;

    fn person() -> Person {
        Person {
            user: "ann".into(),
            groups: vec!["admins".into()],
            method: Method::OpenId("github".into()),
            sid: "s.1".into(),
            not_after: None,
            scopes: Vec::new(),
        }
    }

    const NOW: UnixTime = UnixTime::from_millis(1_000_999);

    #[test]
    fn a_token_says_who_and_how_and_no_more() {
        let mut expected = json!({
            "iss": "urn:registry-auth:login", "aud": "session", "sub": "ann", "groups": ["admins"],
            "amr": ["openid:github"], "sid": "s.1", "iat": 1000, "nbf": 1000, "exp": 1060,
        });
        let made = |person: &Person, parents: &[String]| {
            let minute = Duration::from_mins(1);
            claims(person, parents, Audience::Session, minute, NOW)
        };
        assert_eq!(made(&person(), &[]), expected);
        let narrowed = Person {
            scopes: vec!["repository:a/**:pull".into()],
            ..person()
        };
        expected["scope"] = json!(["repository:a/**:pull"]);
        expected["parents"] = json!(["h.1"]);
        assert_eq!(made(&narrowed, &["h.1".into()]), expected);
    }

    #[test]
    fn a_token_ends_when_the_first_of_all_says_so() {
        let minutes = Duration::from_mins;
        let rows = [
            (Audience::Login, minutes(1), None, 60),
            (Audience::Login, minutes(9), None, 300),
            (Audience::Token, minutes(9), None, 300),
            (Audience::Session, minutes(9), None, 540),
            (Audience::Session, Duration::MAX, None, 7200),
            (Audience::Session, minutes(9), Some(30), 30),
            (Audience::Login, minutes(9), Some(-5), -5),
        ];
        for (audience, lifetime, ends, expected) in rows {
            let person = Person {
                not_after: ends.map(|seconds| UnixTime::from_secs(1000 + seconds)),
                ..person()
            };
            let claims = claims(&person, &[], audience, lifetime, NOW);
            assert_eq!(
                claims["exp"],
                json!(1000 + expected),
                "{audience:?} {ends:?}"
            );
        }
    }
}
