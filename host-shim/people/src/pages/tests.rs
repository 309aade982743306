//! Rows of requests for pages.

mod memory;

use std::sync::Arc;

use hyper::body::Bytes;
use hyper::{Request, Response};
use registry_auth_engine::UnixTime;
use registry_auth_engine::login::{Caller, CallerIdentity};
use serde_json::{Value, json};

use super::Pages;
use crate::session::Sessions;
use crate::social::tests::issuer::{Fixture, NOW, Script};
use crate::token::{LoginKey, RootKey};
use memory::Memory;

const SAME_ORIGIN: (&str, &str) = ("sec-fetch-site", "same-origin");
const UI: (&str, &str) = ("x-zot-api-client", "zot-ui");

/// The pages, with a provider.
struct House {
    pages: Pages,
    memory: Arc<Memory>,
    fixture: Arc<crate::social::tests::issuer::Issuer>,
}

impl House {
    fn new(script: Script) -> Self {
        let fixture = Fixture::new(script);
        let memory = Arc::new(Memory::default());
        let key = LoginKey::of(&RootKey::random().unwrap()).unwrap();
        Self {
            pages: Pages {
                social: fixture.social,
                has_passwords: true,
                has_keys: true,
                sessions: Sessions::new(key, None, true, Arc::default()),
                api: Arc::<Memory>::clone(&memory),
            },
            memory,
            fixture: fixture.issuer,
        }
    }

    async fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
        identity: Option<CallerIdentity>,
    ) -> Response<Bytes> {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Bytes::copy_from_slice(body.as_bytes()))
            .unwrap();
        let caller = Caller {
            at: NOW,
            method: method.to_owned(),
            path: path.to_owned(),
            client: Some("192.0.2.1".to_owned()),
            identity,
        };
        self.pages.handle(&request, &caller, NOW).await.response
    }
}

/// A known caller.
#[expect(clippy::unnecessary_wraps, reason = "anonymous callers are None")]
fn caller(id: &str, method: &str) -> Option<CallerIdentity> {
    Some(CallerIdentity {
        user: "ann".to_owned(),
        groups: Vec::new(),
        methods: vec![method.to_owned()],
        id: Some(id.to_owned()),
        parents: Vec::new(),
        expires: Some(UnixTime::from_secs(NOW.secs() + 100)),
    })
}

fn header<'a>(response: &'a Response<Bytes>, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

/// `NAME=VALUE` of the cookies that are set; a removed one as `NAME=`.
fn cookies(response: &Response<Bytes>) -> Vec<&str> {
    let all = response.headers().get_all("set-cookie").iter();
    all.map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap())
        .collect()
}

fn text(response: &Response<Bytes>) -> &str {
    std::str::from_utf8(response.body()).unwrap()
}

#[tokio::test]
async fn each_route_has_its_methods() {
    let house = House::new(Script::default());
    let rows = [
        ("GET", "/login", 200),
        ("GET", "/login?callback_ui=/x", 200),
        ("GET", "/login/style.css", 200),
        ("GET", "/login/keys.js", 200),
        ("GET", "/login/keys", 303),
        ("GET", "/zot/auth/login?provider=oidc", 302),
        ("GET", "/zot/auth/login", 400),
        ("GET", "/zot/auth/login?provider=", 400),
        ("GET", "/zot/auth/login?provider=other", 400),
        ("GET", "/zot/auth/callback/oidc", 401),
        ("GET", "/zot/auth/callback/other", 400),
        // openid-flow-06
        ("POST", "/zot/auth/login?provider=oidc", 405),
        ("HEAD", "/zot/auth/login?provider=oidc", 405),
        ("POST", "/zot/auth/callback/oidc", 405),
        ("GET", "/zot/auth/logout", 405),
        ("GET", "/login/logout", 405),
        ("GET", "/login/keys/delete", 405),
        ("PUT", "/login", 405),
        ("DELETE", "/login/keys", 405),
        ("POST", "/login/style.css", 405),
        ("GET", "/login/", 404),
        ("GET", "/login/other", 404),
        ("GET", "/zot/auth/callback", 404),
        ("GET", "/", 404),
    ];
    for (method, path, status) in rows {
        let response = house.ask(method, path, &[], "", None).await;
        assert_eq!(response.status().as_u16(), status, "{method} {path}");
        assert_eq!(
            status == 405,
            !header(&response, "allow").is_empty(),
            "{method} {path}"
        );
        assert_eq!(header(&response, "x-content-type-options"), "nosniff");
        if header(&response, "content-type").starts_with("text/html") {
            let policy = header(&response, "content-security-policy");
            assert_eq!(
                policy,
                "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
            );
            assert_eq!(header(&response, "cache-control"), "no-store");
            assert_eq!(header(&response, "x-frame-options"), "DENY");
            assert!(!text(&response).contains("style=") && !text(&response).contains("<style"));
        }
    }
}

#[tokio::test]
async fn a_change_comes_from_our_own_page() {
    let paths = [
        "/login",
        "/login/keys",
        "/login/keys/delete",
        "/login/logout",
        "/zot/auth/logout",
    ];
    let foreign: [&[(&str, &str)]; 3] = [
        &[],
        &[("sec-fetch-site", "cross-site")],
        &[("origin", "https://evil.example"), ("host", "reg.example")],
    ];
    for path in paths {
        for headers in foreign {
            let house = House::new(Script::default());
            let body = "user=ann&password=secret&label=x&lifetime=0";
            let response = house
                .ask("POST", path, headers, body, caller("s.1", "htpasswd"))
                .await;
            assert_eq!(response.status().as_u16(), 403, "{path}");
            assert!(cookies(&response).is_empty(), "{path}");
            assert!(house.memory.ended.lock().unwrap().is_empty(), "{path}");
            assert!(house.memory.keys.lock().unwrap().is_empty(), "{path}");
        }
    }
    let house = House::new(Script::default());
    let long = format!("user={}", "x".repeat(16 * 1024));
    let response = house
        .ask("POST", "/login", &[SAME_ORIGIN], &long, None)
        .await;
    assert_eq!(response.status().as_u16(), 413);
}

#[tokio::test]
async fn a_password_is_checked() {
    let rows = [
        ("user=ann&password=secret", 303, "", "/login/keys"),
        (
            "user=ann&password=secret&callback_ui=/home",
            303,
            "",
            "/home",
        ),
        (
            "user=ann&password=secret&callback_ui=//evil.example",
            303,
            "",
            "/",
        ),
        (
            "user=ann&password=secret&callback_ui=http://localhost:3000/a",
            303,
            "",
            "http://localhost:3000/a",
        ),
        (
            "user=ann&password=secret&callback_ui=/a%20%C3%A9%22",
            303,
            "",
            "/a%20%C3%A9%22",
        ),
        ("user=ann&password=wrong", 401, "", ""),
        ("user=&password=", 401, "", ""),
        ("", 401, "", ""),
        ("user=limited&password=x", 429, "7", ""),
        ("user=down&password=x", 503, "7", ""),
    ];
    for (body, status, retry_after, location) in rows {
        let house = House::new(Script::default());
        let response = house
            .ask("POST", "/login", &[SAME_ORIGIN], body, None)
            .await;
        assert_eq!(response.status().as_u16(), status, "{body}");
        assert_eq!(header(&response, "retry-after"), retry_after, "{body}");
        assert_eq!(header(&response, "location"), location, "{body}");
        let names: Vec<_> = cookies(&response)
            .iter()
            .map(|cookie| cookie.split('=').next().unwrap())
            .collect();
        let expected: &[&str] = if status == 303 {
            &["session", "user"]
        } else {
            &[]
        };
        assert_eq!(names, expected, "{body}");
        assert!(!text(&response).contains("wrong\"") && !text(&response).contains("secret"));
    }
    let mut house = House::new(Script::default());
    house.pages.has_passwords = false;
    let response = house
        .ask(
            "POST",
            "/login",
            &[SAME_ORIGIN],
            "user=ann&password=secret",
            None,
        )
        .await;
    assert_eq!(response.status().as_u16(), 404);
    assert!(!text(&house.ask("GET", "/login", &[], "", None).await).contains("password"));
}

#[tokio::test]
async fn a_form_may_lead_to_an_allowed_origin_only() {
    let house = House::new(Script::default());
    for (callback_ui, expected) in [
        (
            "http://localhost:3000/a",
            "form-action 'self' http://localhost:3000;",
        ),
        ("https://evil.example/a", "form-action 'self';"),
        ("/a", "form-action 'self';"),
    ] {
        let path = format!("/login?callback_ui={callback_ui}");
        let response = house.ask("GET", &path, &[], "", None).await;
        assert!(
            header(&response, "content-security-policy").contains(expected),
            "{callback_ui}"
        );
    }
}

#[tokio::test]
async fn a_login_ends_the_session_before() {
    for (id, expected) in [("s.old", &["s.old"][..]), ("h.1", &[]), ("k.1", &[])] {
        let house = House::new(Script::default());
        let good = "user=ann&password=secret";
        let response = house
            .ask(
                "POST",
                "/login",
                &[SAME_ORIGIN],
                good,
                caller(id, "htpasswd"),
            )
            .await;
        assert_eq!(response.status().as_u16(), 303);
        assert_eq!(*house.memory.ended.lock().unwrap(), expected);
    }
    // If that is not possible, nobody is logged in.
    let house = House::new(Script::default());
    *house.memory.is_down.lock().unwrap() = true;
    let good = "user=ann&password=secret";
    let response = house
        .ask(
            "POST",
            "/login",
            &[SAME_ORIGIN],
            good,
            caller("s.old", "htpasswd"),
        )
        .await;
    assert_eq!(response.status().as_u16(), 503);
    assert!(cookies(&response).is_empty());
}

/// A login by the provider; returns the answer to the callback.
async fn by_provider(house: &House, identity: Option<CallerIdentity>) -> Response<Bytes> {
    let begun = house
        .ask(
            "GET",
            "/zot/auth/login?provider=oidc&callback_ui=/home",
            &[],
            "",
            None,
        )
        .await;
    assert_eq!(begun.status().as_u16(), 302);
    let set = begun.headers()["set-cookie"].to_str().unwrap();
    assert!(
        set.ends_with("; Path=/zot/auth/callback; Max-Age=600; HttpOnly; Secure; SameSite=Lax"),
        "{set}"
    );
    let location = header(&begun, "location");
    let query = crate::social::tests::issuer::parameters(location.split_once('?').unwrap().1);
    house.fixture.expect_nonce(&query["nonce"]);
    let callback = format!("/zot/auth/callback/oidc?code=c&state={}", query["state"]);
    house
        .ask(
            "GET",
            &callback,
            &[("cookie", cookies(&begun)[0])],
            "",
            identity,
        )
        .await
}

#[tokio::test]
async fn a_provider_logs_somebody_in() {
    let house = House::new(Script::default());
    let response = by_provider(&house, caller("s.old", "htpasswd")).await;
    assert_eq!(response.status().as_u16(), 302, "{}", text(&response));
    assert_eq!(header(&response, "location"), "/home");
    let cookies = cookies(&response);
    assert!(cookies[0].starts_with("session=ey"));
    assert_eq!(cookies[1..], ["user=u@example.org", "ra_login="]);
    assert_eq!(*house.memory.ended.lock().unwrap(), ["s.old"]);
    let logins = house.memory.logins.lock().unwrap();
    assert_eq!(logins[0].method.to_string(), "openid:oidc");
}

#[tokio::test]
async fn a_login_that_fails_says_a_fixed_text() {
    let email = |email: &str| json!({ "sub": "sub-1", "email": email, "email_verified": true });
    let rows = [
        (
            "the store is down",
            email("u@example.org"),
            true,
            503,
            "store_unavailable",
        ),
        (
            "the name is one of the htpasswd file",
            email("reserved@example.org"),
            false,
            401,
            "name_taken",
        ),
        (
            "no name",
            json!({ "sub": "sub-1" }),
            false,
            401,
            "no_user_name",
        ),
        (
            "too many groups",
            json!({ "sub": "sub-1", "email": "u@x", "groups": (0..500).map(|index| format!("group-{index}")).collect::<Vec<_>>() }),
            false,
            401,
            "too_many_groups",
        ),
        (
            "not verified",
            json!({ "sub": "sub-1", "email": "<b>u@x", "email_verified": false }),
            false,
            401,
            "address_not_verified",
        ),
    ];
    for (name, userinfo, is_down, status, reason) in rows {
        let script = Script {
            userinfo: (200, userinfo),
            ..Script::default()
        };
        let house = House::new(script);
        *house.memory.is_down.lock().unwrap() = is_down;
        let response = by_provider(&house, None).await;
        assert_eq!(response.status().as_u16(), status, "{name}");
        assert!(
            text(&response).contains(&format!("<code>{reason}</code>")),
            "{name}"
        );
        assert_eq!(cookies(&response), ["ra_login="], "{name}");
        assert!(!text(&response).contains("<b>"));
    }
}

/// A name, headers, the caller, the ids that end, and the answer.
type LogoutRow = (
    &'static str,
    &'static [(&'static str, &'static str)],
    Option<CallerIdentity>,
    &'static [&'static str],
    Value,
);

#[tokio::test]
async fn a_session_ends_by_logout() {
    let removed = ["session=", "user="];
    let rows: [LogoutRow; 5] = [
        (
            "a session",
            &[UI],
            caller("s.1", "htpasswd"),
            &["s.1"],
            json!({}),
        ),
        ("no session", &[UI], None, &[], json!({})),
        (
            "a password",
            &[UI],
            caller("h.1", "htpasswd"),
            &[],
            json!({}),
        ),
        (
            "a session of GitHub",
            &[SAME_ORIGIN],
            caller("s.1", "openid:github"),
            &["s.1"],
            json!({}),
        ),
        (
            "a session of a provider",
            &[SAME_ORIGIN],
            caller("s.1", "openid:oidc"),
            &["s.1"],
            json!({ "endSessionUrl": "https://idp.example/end?client_id=registry&post_logout_redirect_uri=https%3A%2F%2Freg.example%2Flogin" }),
        ),
    ];
    for (name, headers, identity, ended, body) in rows {
        let script = Script {
            metadata: json!({ "end_session_endpoint": "https://idp.example/end" }),
            ..Script::default()
        };
        let house = House::new(script);
        let response = house
            .ask("POST", "/zot/auth/logout", headers, "", identity.clone())
            .await;
        assert_eq!(response.status().as_u16(), 200, "{name}");
        assert_eq!(
            serde_json::from_str::<Value>(text(&response)).unwrap(),
            body,
            "{name}"
        );
        assert_eq!(*house.memory.ended.lock().unwrap(), ended, "{name}");
        assert_eq!(cookies(&response), removed, "{name}");
        let page = house
            .ask("POST", "/login/logout", headers, "", identity)
            .await;
        let has_link = text(&page).contains("https://idp.example/end?client_id=registry&amp;post");
        assert_eq!(has_link, body != json!({}), "{name}");
        assert_eq!(cookies(&page), removed, "{name}");
    }
    let house = House::new(Script::default());
    *house.memory.is_down.lock().unwrap() = true;
    let response = house
        .ask("POST", "/zot/auth/logout", &[UI], "", caller("s.1", "ldap"))
        .await;
    assert_eq!(
        response.status().as_u16(),
        503,
        "a session that goes on is not called ended"
    );
    assert!(cookies(&response).is_empty());
}

#[tokio::test]
async fn whoever_has_ended_too_much_waits() {
    for (path, body) in [
        ("/login", "user=ann&password=secret"),
        ("/login/logout", ""),
        ("/zot/auth/logout", ""),
    ] {
        let house = House::new(Script::default());
        let full = caller("s.1", "htpasswd").map(|identity| CallerIdentity {
            user: "full".to_owned(),
            ..identity
        });
        let response = house.ask("POST", path, &[SAME_ORIGIN], body, full).await;
        assert_eq!(response.status().as_u16(), 429, "{path}");
        assert_eq!(header(&response, "retry-after"), "7", "{path}");
        assert!(cookies(&response).is_empty(), "{path}");
    }
}

#[tokio::test]
async fn keys_are_made_by_people_who_have_logged_in() {
    let rows = [
        ("htpasswd", 201),
        ("ldap", 201),
        ("openid:github", 201),
        ("apikey", 403),
        ("token", 403),
        ("certificate", 403),
        ("other", 403),
    ];
    for (method, status) in rows {
        let house = House::new(Script::default());
        let body = "label=laptop&lifetime=1&scopes=a%0D%0Ab";
        let identity = || caller("s.1", method);
        let response = house
            .ask("POST", "/login/keys", &[SAME_ORIGIN], body, identity())
            .await;
        assert_eq!(response.status().as_u16(), status, "{method}");
        assert_eq!(text(&response).contains("zak_"), status == 201, "{method}");
        let made = house
            .memory
            .keys
            .lock()
            .unwrap()
            .get("ann")
            .cloned()
            .unwrap_or_default();
        assert_eq!(made.len(), usize::from(status == 201), "{method}");
        if let Some(key) = made.first() {
            assert_eq!(key.scopes, ["a", "b"]);
            assert_eq!(key.expires.unwrap().secs(), NOW.secs() + 90 * 24 * 3600);
            let list = house.ask("GET", "/login/keys", &[], "", identity()).await;
            assert!(text(&list).contains("laptop") && !text(&list).contains("zak_"));
        }
        let id = "id=00000000-0000-4000-8000-000000000000";
        let deleted = house
            .ask("POST", "/login/keys/delete", &[SAME_ORIGIN], id, identity())
            .await;
        let expected = if status == 201 { 303 } else { 403 };
        assert_eq!(deleted.status().as_u16(), expected, "{method}");
        assert!(
            house
                .memory
                .keys
                .lock()
                .unwrap()
                .values()
                .all(Vec::is_empty)
        );
    }
    let house = House::new(Script::default());
    for path in ["/login/keys", "/login/keys/delete"] {
        let response = house
            .ask("POST", path, &[SAME_ORIGIN], "label=x&lifetime=0", None)
            .await;
        assert_eq!(response.status().as_u16(), 303, "{path}");
        assert_eq!(
            header(&response, "location"),
            "/login?callback_ui=/login/keys"
        );
    }
}

#[tokio::test]
async fn the_form_of_a_key_says_what_is_wrong() {
    let scopes = format!("label=x&lifetime=0&scopes={}", "a+".repeat(51));
    let long = format!("label={}&lifetime=0", "x".repeat(101));
    let rows = [
        ("label=&lifetime=0", "Write a name"),
        ("label=+++&lifetime=0", "Write a name"),
        ("label=a%0Ab&lifetime=0", "Write a name"),
        (&long, "Write a name"),
        ("label=x&lifetime=9", "Choose when"),
        ("label=x&lifetime=", "Choose when"),
        ("label=x", "Choose when"),
        (&scopes, "Write at most 50"),
    ];
    for (body, expected) in rows {
        let house = House::new(Script::default());
        let identity = caller("s.1", "ldap");
        let response = house
            .ask("POST", "/login/keys", &[SAME_ORIGIN], body, identity)
            .await;
        assert_eq!(response.status().as_u16(), 400, "{body}");
        assert!(text(&response).contains(expected), "{body}");
        assert!(house.memory.keys.lock().unwrap().is_empty(), "{body}");
    }
}

#[tokio::test]
async fn whatever_is_shown_is_escaped() {
    let script = "<script>alert(1)</script>\"'&";
    let written = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let identity = || {
        caller("s.1", "ldap").map(|identity| CallerIdentity {
            user: script.to_owned(),
            ..identity
        })
    };
    let encoded = written(script);
    let requests = [
        (
            "GET",
            format!("/login?callback_ui={encoded}"),
            String::new(),
        ),
        (
            "GET",
            format!("/login?callback_ui=/{encoded}"),
            String::new(),
        ),
        (
            "POST",
            "/login".to_owned(),
            format!("user={encoded}&password=x&callback_ui=/{encoded}"),
        ),
        (
            "POST",
            "/login/keys".to_owned(),
            format!("label={encoded}&lifetime=0&scopes={encoded}"),
        ),
        ("GET", "/login/keys".to_owned(), String::new()),
        ("POST", "/login/logout".to_owned(), String::new()),
        (
            "GET",
            format!("/zot/auth/callback/oidc?error={encoded}&error_description={encoded}"),
            String::new(),
        ),
        (
            "GET",
            format!("/zot/auth/callback/{encoded}"),
            String::new(),
        ),
    ];
    let house = House::new(Script::default());
    for (method, path, body) in requests {
        let response = house
            .ask(method, &path, &[SAME_ORIGIN], &body, identity())
            .await;
        let text = text(&response);
        assert!(!text.contains("<script>alert"), "{method} {path}");
        assert!(!text.contains("/>\"'"), "{method} {path}");
    }
    let keys = house.ask("GET", "/login/keys", &[], "", identity()).await;
    assert!(text(&keys).contains(
        r"docker login reg.example -u '&lt;script&gt;alert(1)&lt;/script&gt;&quot;'\''&amp;'"
    ));
}
