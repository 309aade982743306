//! Rows of the names and groups that providers give.

use serde_json::{Value, json};

use super::issuer::{Fixture, Script, status};
use super::{Row, rows};
use crate::person::MAX_USER;
use crate::social::claims::ClaimSources;
use crate::social::provider::{Credential, OpenId};

fn script(row: &Row) -> Script {
    Script {
        claims: row
            .input
            .get("idToken")
            .cloned()
            .unwrap_or_else(|| json!({})),
        userinfo: (200, row.input["userinfo"].clone()),
        ..Script::default()
    }
}

#[tokio::test]
async fn a_provider_says_who_somebody_is() {
    let openid = rows("openid-claims").into_iter();
    for row in openid.filter(|row| row.input["provider"] != "github") {
        let username = row.input["claimMapping"]["username"].as_str();
        let fixture = Fixture::with(script(&row), username, Credential::None);
        let provider = row.input["provider"].as_str().unwrap();
        let result = fixture.login(provider).await;
        if let Some(expected) = row.expect.get("status") {
            assert_eq!(u64::from(status(&result)), *expected, "{}", row.id);
            continue;
        }
        let named = result.expect(&row.id).named;
        assert_eq!(named.user, row.expect["user"], "{}", row.id);
        if let Some(groups) = row.expect.get("groups") {
            assert_eq!(json!(named.groups), *groups, "{}", row.id);
        }
    }
}

/// An ID token, userinfo, and the user name, or the id of the reason.
type NameRow = (Value, Value, Result<&'static str, &'static str>);

#[test]
fn an_address_has_to_be_verified_wherever_it_is_said() {
    let long = "x".repeat(MAX_USER + 1);
    let rows: [NameRow; 8] = [
        (
            json!({ "email": "a@x", "email_verified": "false" }),
            json!({}),
            Err("address_not_verified"),
        ),
        (
            json!({ "email": "a@x" }),
            json!({ "email_verified": false }),
            Err("address_not_verified"),
        ),
        (json!({ "email": "a@x" }), json!({}), Ok("a@x")),
        (
            json!({ "email": "a@x" }),
            json!({ "email": "b@x" }),
            Ok("a@x"),
        ),
        (json!({ "email": "" }), json!({ "email": "b@x" }), Ok("b@x")),
        (json!({ "email": "a\nb@x" }), json!({}), Err("no_user_name")),
        (json!({ "email": long }), json!({}), Err("no_user_name")),
        (json!({}), json!({}), Err("no_user_name")),
    ];
    let provider = OpenId::new("https://idp.example", None, None).unwrap();
    for (id_token, userinfo, expected) in rows {
        let sources = ClaimSources {
            id_token: id_token.as_object().unwrap(),
            userinfo: userinfo.as_object(),
        };
        let user = sources.named(&provider).map(|named| named.user);
        let expected = expected.map(str::to_owned);
        assert_eq!(
            user.map_err(|error| error.reason.id()),
            expected,
            "{id_token}"
        );
    }
}

#[tokio::test]
async fn userinfo_is_asked_only_for_what_the_token_lacks() {
    let whole = json!({ "email": "a@x", "email_verified": true, "groups": [] });
    for (claims, asked) in [
        (whole, 0),
        (json!({ "email": "a@x", "email_verified": true }), 1),
        (json!({ "email": "a@x", "groups": [] }), 1),
        (json!({ "groups": [] }), 1),
    ] {
        let script = Script {
            claims,
            ..Script::default()
        };
        let fixture = Fixture::new(script);
        fixture.login("oidc").await.unwrap();
        let requests = fixture.issuer.asked.lock().unwrap();
        let me = requests
            .iter()
            .filter(|(_, path, ..)| path.ends_with("/me"));
        assert_eq!(me.count(), asked);
    }
}
