//! Rows of what GitHub says of somebody.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::issuer::{Fixture, Script, status};
use super::rows;
use crate::social::provider::GitHub;

const API: &str = "https://ghe.example/api/v3";

fn path(list: &str, page: u32) -> String {
    format!("{API}{list}?per_page=100&page={page}")
}

/// A list, or the status instead of it.
fn answer(input: Option<&Value>, entry: fn(&Value) -> Value) -> (u16, Value, &'static str) {
    match input {
        Some(Value::Number(status)) => {
            (status.as_u64().unwrap().try_into().unwrap(), json!({}), "")
        }
        Some(Value::Array(entries)) => (200, entries.iter().map(entry).collect(), ""),
        _ => (200, json!([]), ""),
    }
}

fn emails(row: Option<&Value>) -> (u16, Value, &'static str) {
    let verified = json!([{ "email": "b@x", "primary": true, "verified": true }]);
    (200, row.cloned().unwrap_or(verified), "")
}

#[tokio::test]
async fn github_says_who_somebody_is() {
    let github = rows("openid-claims").into_iter();
    for row in github.filter(|row| row.input["provider"] == "github") {
        let input = |name| row.input.get(name);
        let team = |team: &Value| json!({ "organization": { "login": team["org"] }, "slug": team["slug"] });
        let script = Script {
            others: BTreeMap::from([
                (path("/user/emails", 1), emails(input("GET /user/emails"))),
                (
                    path("/user/orgs", 1),
                    answer(input("orgs"), |login| json!({ "login": login })),
                ),
                (path("/user/teams", 1), answer(input("teams"), team)),
            ]),
            ..Script::default()
        };
        let result = Fixture::new(script).login("github").await;
        if let Some(expected) = row.expect.get("status") {
            assert_eq!(u64::from(status(&result)), *expected, "{}", row.id);
            continue;
        }
        let named = result.expect(&row.id).named;
        assert_eq!(
            named.user,
            row.expect
                .get("user")
                .unwrap_or(&json!("b@x"))
                .as_str()
                .unwrap()
        );
        if let Some(groups) = row.expect.get("groups") {
            assert_eq!(json!(named.groups), *groups, "{}", row.id);
        }
    }
}

#[tokio::test]
async fn all_pages_of_a_list_are_read() {
    let next = "<https://evil.example/>; rel=\"next\", <x>; rel=\"last\"";
    let login = |name: &str| json!([{ "login": name }]);
    let script = Script {
        others: BTreeMap::from([
            (path("/user/emails", 1), emails(None)),
            (path("/user/orgs", 1), (200, login("one"), next)),
            (path("/user/orgs", 2), (200, login("two"), next)),
            (
                path("/user/orgs", 3),
                (200, login("three"), "<x>; rel=\"first\""),
            ),
            (path("/user/teams", 1), (403, json!({}), "")),
        ]),
        ..Script::default()
    };
    let fixture = Fixture::new(script);
    let finished = fixture.login("github").await.unwrap();
    assert_eq!(finished.named.groups, ["one", "three", "two"]);
    for (_, path, form, authorization) in &*fixture.issuer.asked.lock().unwrap() {
        if path.starts_with(API) {
            assert_eq!(authorization, "Bearer access-token-1", "{path}");
        } else {
            assert_eq!(path, "https://ghe.example/t");
            assert_eq!(form["client_secret"], "s:1%");
        }
    }
}

#[test]
fn a_token_of_one_server_is_not_shown_to_another() {
    let enterprise = Some((
        "https://ghe.example:8443/authorize",
        "https://ghe.example:8443/token",
    ));
    for (server, api, expected) in [
        (None, None, "https://api.github.com/"),
        (enterprise, None, "https://ghe.example:8443/api/v3"),
        (
            enterprise,
            Some("https://api.ghe.example"),
            "https://api.ghe.example/",
        ),
    ] {
        let github = GitHub::new(server, api).unwrap();
        assert_eq!(github.api.url().to_string(), expected);
    }
}
