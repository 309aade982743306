//! The rows of `tests/fixtures/identity-apikeys.json`.

use serde_json::json;

use super::*;
use crate::store::hash_of;

struct Api {
    fixture: Fixture,
    endpoint: Endpoint,
}

impl Api {
    fn new() -> Self {
        let fixture = Fixture::new();
        let endpoint = Endpoint {
            keys: fixture.keys.clone(),
            cors: CorsRules::default(),
        };
        Self { fixture, endpoint }
    }

    async fn ask(&self, method: &str, query: &str, as_: &str, row: &Value) -> KeyResponse {
        let long = row["length"].as_u64().unwrap_or_default();
        let body = row["body"]
            .as_str()
            .map_or_else(|| " ".repeat(usize::try_from(long).unwrap()), str::to_owned);
        let caller = match as_ {
            "password" => Some(caller("ann", "htpasswd")),
            "key" => Some(caller("ann", "apikey")),
            "token" => Some(caller("ann", "token")),
            "nobody" => None,
            other => panic!("{other}"),
        };
        let request = KeyRequest {
            method,
            query,
            user_agent: row["userAgent"].as_str().unwrap_or_default(),
            origin: None,
            body: body.as_bytes(),
            caller: caller.as_ref(),
            is_own: true,
        };
        self.endpoint.answer(&request, NOW).await
    }
}

/// Puts what is random in the place of itself.
fn with_forms(mut json: Value) -> Value {
    for (name, form) in [
        ("createdAt", "<RFC 3339, nanoseconds>"),
        ("uuid", "<UUID v4>"),
        ("apiKey", "zak_<32 hex>"),
    ] {
        let Some(found) = json.get(name).and_then(Value::as_str).map(str::to_owned) else {
            continue;
        };
        let has_form = match name {
            "createdAt" => read_time(&found) == Some(Some(NOW)),
            "uuid" => found.len() == 36,
            _ => is_key_text(found.as_bytes()),
        };
        if has_form {
            json[name] = form.into();
        }
    }
    if let Some(members) = json.as_object_mut() {
        members.remove("warning");
    }
    json
}

#[tokio::test]
async fn the_api_answers_as_zot_does_but_for_what_the_rows_say() {
    let mut tested = 0;
    for row in rows() {
        let (Some(method), name) = (row["method"].as_str(), &row["id"]) else {
            continue;
        };
        tested += 1;
        let api = Api::new();
        let own = api.fixture.make("ann", "htpasswd", Wanted::default()).await;
        let other = api.fixture.make("ben", "htpasswd", Wanted::default()).await;
        let query = row["query"].as_str().unwrap_or_default();
        let query = query.replace("{own}", &own.details.uuid);
        let query = query.replace("{other}", &other.details.uuid);
        let as_ = row["as"].as_str().unwrap();
        let response = api.ask(method, &query, as_, &row).await;
        let here = row.get("here").unwrap_or(&row["zot"]);
        assert_eq!(json!(response.status), *here, "{name}: {}", *response.body);

        let deletes = row.get("deletes").is_some();
        let expected = deletes.then(|| format!("k.{}", own.details.uuid));
        assert_eq!(response.ended, expected, "{name}");
        let made = usize::from(response.status == 201);
        let left = api.fixture.store.keys(None).await.unwrap().len();
        assert_eq!(left, 2 + made - usize::from(deletes), "{name}");
        if deletes {
            let again = api.ask(method, &query, as_, &row).await;
            assert_eq!((again.status, again.ended), (200, None), "{name}");
        }
        match row.get("json") {
            Some(json) if method == "POST" => {
                let body = serde_json::from_str(&response.body).unwrap();
                assert_eq!(with_forms(body), *json, "{name}");
            }
            Some(_) => {
                let listed: Value = serde_json::from_str(&response.body).unwrap();
                let expected = serde_json::to_value(&own.details).unwrap();
                assert_eq!(listed, json!({ "apiKeys": [expected] }), "{name}");
            }
            None => {}
        }
    }
    assert_eq!(tested, 27);
}

#[test]
fn each_row_is_tested_or_left_out_for_a_reason() {
    for row in rows() {
        let is_tested = ["method", "basic", "hash"]
            .iter()
            .any(|name| row.get(name).is_some());
        let reason = row["elsewhere"].as_str();
        assert_ne!(is_tested, reason.is_some(), "{row}");
        let differs = row.get("here").is_some();
        let deviates = row.get("deviation").is_some() || row["id"] == "apikey-05";
        assert_eq!(differs, deviates, "{row}");
        if let (Some(key), Some(hash)) = (row["key"].as_str(), row["hash"].as_str()) {
            assert_eq!(hash_of(digits_of(key.as_bytes()).unwrap()), hash);
        }
    }
}

#[tokio::test]
async fn no_page_of_others_makes_or_deletes_a_key() {
    let api = Api::new();
    let made = api.fixture.make("ann", "htpasswd", Wanted::default()).await;
    let ann = caller("ann", "openid:github");
    for (method, is_own, expected) in [
        ("POST", false, 403),
        ("DELETE", false, 403),
        ("GET", false, 200),
        ("POST", true, 201),
        ("DELETE", true, 200),
    ] {
        let query = format!("id={}", made.details.uuid);
        let request = KeyRequest {
            method,
            query: &query,
            user_agent: "",
            origin: Some("https://evil.example"),
            body: b"{}",
            caller: Some(&ann),
            is_own,
        };
        let response = api.endpoint.answer(&request, NOW).await;
        assert_eq!(response.status, expected, "{method} {is_own}");
    }
}

#[test]
fn only_listed_origins_read_answers_with_cookies() {
    let field = |fields: &[(&str, String)], wanted: &str| {
        let field = fields.iter().find(|(name, _)| *name == wanted);
        field.map(|(_, value)| value.clone())
    };
    let listed = ["https://ui.example"];
    let rows: [(&[&str], _, _, _); 5] = [
        (&[], None, Some("*"), None),
        (&[], Some("https://a.example"), Some("*"), None),
        (
            &listed,
            Some("https://ui.example"),
            Some("https://ui.example"),
            Some("true"),
        ),
        (&listed, Some("https://a.example"), None, None),
        (&listed, None, None, None),
    ];
    for (origins, origin, allowed, credentials) in rows {
        let rules = CorsRules {
            origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
        };
        let fields = rules.fields(origin);
        let found = field(&fields, "access-control-allow-origin");
        assert_eq!(found.as_deref(), allowed, "{origins:?} {origin:?}");
        let found = field(&fields, "access-control-allow-credentials");
        assert_eq!(found.as_deref(), credentials, "{origins:?} {origin:?}");
    }
}
