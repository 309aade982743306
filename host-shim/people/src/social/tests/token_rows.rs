//! Rows of ID tokens.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::issuer::{ACCESS, CLIENT, Fixture, NOW, Script, status};
use super::rows;

/// A value of a row: `+8s`, `-1y` and `<client id>` are what they say.
fn value(written: &Value) -> Value {
    match written {
        Value::Array(values) => values.iter().map(value).collect(),
        Value::String(text) => match text.as_str() {
            "<client id>" => CLIENT.into(),
            "-1s" => NOW.before(Duration::from_secs(1)).secs().into(),
            "+4s" => NOW.after(Duration::from_secs(4)).secs().into(),
            "+8s" => NOW.after(Duration::from_secs(8)).secs().into(),
            "-1y" => NOW.before(Duration::from_hours(365 * 24)).secs().into(),
            other => other.into(),
        },
        other => other.clone(),
    }
}

#[tokio::test]
async fn an_id_token_has_to_be_valid() {
    for row in rows("openid-token") {
        let mut script = Script::default();
        for (name, written) in row.input["change"].as_object().unwrap() {
            match name.as_str() {
                "alg" if written == "ES256" => {
                    script.header = json!({ "alg": "ES256", "kid": "p256" });
                }
                "alg" | "kid" => script.header[name] = written.clone(),
                "id_token" => script.token = Some((200, json!({ "access_token": ACCESS }))),
                _ => script.claims[name] = value(written),
            }
        }
        let result = Fixture::new(script).login("oidc").await;
        let expected = if row.expect["callback"] == 302 {
            0
        } else {
            401
        };
        assert_eq!(status(&result), expected, "{}: {result:?}", row.id);
    }
}

#[tokio::test]
async fn an_id_token_belongs_to_its_login() {
    let half =
        |token: &str| URL_SAFE_NO_PAD.encode(&digest(&SHA256, token.as_bytes()).as_ref()[..16]);
    let rows = [
        (
            "its own access token",
            json!({ "at_hash": half(ACCESS) }),
            0,
        ),
        (
            "another access token",
            json!({ "at_hash": half("another") }),
            401,
        ),
        ("no nonce", json!({ "nonce": null }), 401),
        ("an empty subject", json!({ "sub": "" }), 401),
        (
            "itself among several, and named",
            json!({ "aud": [CLIENT, "b"], "azp": CLIENT }),
            0,
        ),
        ("an audience list of itself", json!({ "aud": [CLIENT] }), 0),
        ("no audience", json!({ "aud": [] }), 401),
        (
            "not yet valid",
            json!({ "nbf": NOW.after(Duration::from_mins(6)).secs() }),
            401,
        ),
    ];
    for (name, claims, expected) in rows {
        let script = Script {
            claims,
            ..Script::default()
        };
        let result = Fixture::new(script).login("oidc").await;
        assert_eq!(status(&result), expected, "{name}: {result:?}");
    }
}

#[tokio::test]
async fn only_announced_algorithms_are_accepted() {
    let script = Script {
        metadata: json!({ "id_token_signing_alg_values_supported": ["ES256"] }),
        ..Script::default()
    };
    assert_eq!(status(&Fixture::new(script).login("oidc").await), 401);
}

#[tokio::test]
async fn a_new_key_is_fetched_once() {
    let script = Script {
        keys: vec!["p256"],
        ..Script::default()
    };
    let fixture = Fixture::new(script);
    assert_eq!(status(&fixture.login("oidc").await), 401);
    let fetched = |fixture: &Fixture| {
        let asked = fixture.issuer.asked.lock().unwrap();
        asked
            .iter()
            .filter(|(_, path, ..)| path.ends_with("/jwks"))
            .count()
    };
    assert_eq!(
        fetched(&fixture),
        1,
        "within five seconds of the first time"
    );
    fixture.issuer.script.lock().unwrap().keys = vec!["rsa"];
    let later = NOW.after(Duration::from_secs(6));
    let (query, cookie) = fixture.begin("oidc", "/").await.unwrap();
    let callback = format!("code=code-1&state={}", query["state"]);
    let result = fixture
        .social
        .finish("oidc", &callback, Some(&cookie), later)
        .await;
    assert_eq!(status(&result), 0, "{result:?}");
    assert_eq!(fetched(&fixture), 2);
}
