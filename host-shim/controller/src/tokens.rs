//! Tokens of a service account, one for each audience.

use std::collections::{BTreeMap, BTreeSet};

use registry_auth_credential_helper::token::{Token, TokenError};
use serde_json::Value;

use crate::account::Spec;
use crate::call::Server;
use crate::document::{self, Tokens};
use crate::held::Life;
use crate::problem::Problem;
use crate::times;

/// Whose tokens are fetched, and the Secret that they are bound to.
pub(crate) struct For<'a> {
    /// The namespace of both.
    pub(crate) namespace: &'a str,
    /// The service account.
    pub(crate) account: &'a str,
    /// The Secret.
    pub(crate) secret: &'a str,
    /// Its unique id.
    pub(crate) uid: &'a str,
}

/// Fetches and checks the tokens of a spec. `now` is in seconds since 1970.
///
/// # Errors
/// One of them cannot be fetched, or is not good for its audience.
pub(crate) async fn fetch(
    server: &Server,
    whose: For<'_>,
    spec: &Spec,
    now: i64,
) -> Result<Tokens, Problem> {
    let path = format!(
        "/api/v1/namespaces/{}/serviceaccounts/{}/token",
        whose.namespace, whose.account
    );
    let audiences: BTreeSet<_> = spec.registries.iter().map(|one| &one.audience).collect();
    let mut by_audience = BTreeMap::new();
    let mut expires = i64::MAX;
    for audience in audiences {
        let request = document::token_request(audience, spec.lifetime, whose.secret, whose.uid);
        let answer = server.ask(&path, &request).await;
        let answer = answer.map_err(|error| match error.status() {
            Some(404) => Problem::NoToken {
                account: format!("{}/{}", whose.namespace, whose.account),
                error,
            },
            _ => Problem::when("cannot create a token")(error),
        })?;
        let (token, end) = read(&answer, audience, now).map_err(|error| Problem::Token {
            audience: audience.clone(),
            error,
        })?;
        by_audience.insert(audience.clone(), token);
        expires = expires.min(end);
    }
    Ok(Tokens {
        by_audience,
        life: Life {
            expires,
            renew: times::renewal(now, expires, fastrand::f64()),
        },
    })
}

/// Returns the token in an answer and its end: the earlier of what it says and what is said of it.
fn read(answer: &Value, audience: &str, now: i64) -> Result<(String, i64), TokenError> {
    let status = |name: &str| answer.get("status")?.get(name)?.as_str();
    let text = status("token").ok_or(TokenError::NotAToken)?;
    let token = Token::check_only(text, audience, now)?;
    let claimed = token.claims().get("exp").and_then(Value::as_i64);
    let said = status("expirationTimestamp").and_then(times::read);
    let end = claimed.into_iter().chain(said).min();
    Ok((token.secret().to_owned(), end.ok_or(TokenError::NoEnd)?))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_checked_before_it_is_written() {
        let token =
            |claims: Value| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let good = token(json!({"aud": ["a"], "exp": 1_000}));
        let end = |seconds| times::written(seconds);
        let rows = [
            (
                json!({"token": good, "expirationTimestamp": end(1_000)}),
                Ok(1_000),
            ),
            (
                json!({"token": good, "expirationTimestamp": end(900)}),
                Ok(900),
            ),
            (
                json!({"token": good, "expirationTimestamp": "soon"}),
                Ok(1_000),
            ),
            (
                json!({"token": good, "expirationTimestamp": end(9_999)}),
                Ok(1_000),
            ),
            (
                json!({"token": token(json!({"aud": ["b"], "exp": 1_000}))}),
                Err("is for the audience `b`"),
            ),
            (
                json!({"token": token(json!({"aud": ["a", "b"], "exp": 1_000}))}),
                Err("is for the audience `a`, `b`, and only one is wanted"),
            ),
            (
                json!({"token": token(json!({"aud": ["a"], "exp": 120}))}),
                Err("ends in 20 s"),
            ),
            (
                json!({"token": token(json!({"aud": ["a"]}))}),
                Err("has no `exp`"),
            ),
            (json!({"token": "tops3cret"}), Err("is not a JWT")),
            (json!({"token": 7}), Err("is not a JWT")),
            (json!({}), Err("is not a JWT")),
            (json!([]), Err("is not a JWT")),
        ];
        for (status, expected) in rows {
            let answer = json!({"status": status});
            match (read(&answer, "a", 100), expected) {
                (Ok((text, end)), Ok(expected)) => {
                    assert_eq!((text, end), (good.clone(), expected));
                }
                (Err(error), Err(part)) => {
                    let error = error.to_string();
                    assert!(
                        error.contains(part) && !error.contains("tops3cret"),
                        "{error}"
                    );
                }
                (found, _) => panic!("{answer}: {found:?}"),
            }
        }
    }
}
