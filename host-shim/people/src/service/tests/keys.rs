//! The life of an API key, and who is behind a request.

use registry_auth_engine::login::SET;

use super::super::gone::Gone;
use super::*;
use crate::secret::Secret;

const API: &str = "/zot/auth/apikey";

async fn log_in(fixture: &Fixture, user: &str, key: &str) -> bool {
    let secret = Secret::new(key.as_bytes().to_vec());
    fixture
        .service
        .login()
        .authenticate(user, secret, None)
        .await
        .is_ok()
}

fn ended(fixture: &Fixture) -> Vec<String> {
    let ended = fixture.service.ended().subscribe();
    ended.borrow().ids.iter().cloned().collect::<Vec<_>>()
}

#[tokio::test]
async fn a_key_is_made_used_deleted_and_ended_at_once() {
    assert_eq!(SET, "login");
    let fixture = Fixture::new().await;
    let made = fixture
        .visit("POST", API, Some("ann"), r#"{"label":"ci"}"#)
        .await;
    assert_eq!(made.status, 201, "{}", made.body);
    let made = made.json();
    let (key, uuid) = (
        made["apiKey"].as_str().unwrap(),
        made["uuid"].as_str().unwrap(),
    );
    assert!(log_in(&fixture, "ann", key).await);
    assert!(!log_in(&fixture, "ben", key).await);
    assert!(ended(&fixture).is_empty());

    let path = format!("{API}?id={uuid}");
    assert_eq!(
        fixture.visit("DELETE", &path, Some("ben"), "").await.status,
        200
    );
    assert!(log_in(&fixture, "ann", key).await);
    assert_eq!(
        fixture.visit("DELETE", &path, Some("ann"), "").await.status,
        200
    );
    assert!(!log_in(&fixture, "ann", key).await);
    assert_eq!(ended(&fixture), [format!("k.{uuid}")]);
    let listed = fixture.visit("GET", API, Some("ann"), "").await;
    assert_eq!(listed.json(), json!({ "apiKeys": [] }));
}

#[tokio::test]
async fn who_is_gone_from_the_file_is_refused_at_once() {
    let mut fixture = Fixture::new().await;
    let made = fixture.visit("POST", API, Some("ann"), "{}").await.json();
    let key = made["apiKey"].as_str().unwrap().to_owned();
    let file = fixture.path("users");
    std::fs::write(&file, users(&[("ann", "new"), ("ben", "pw")])).unwrap();
    fixture.service.reload_users(&file, clock()).await;
    // The line has changed, but the user is there.
    assert_eq!(ended(&fixture).len(), 1);
    assert!(log_in(&fixture, "ann", &key).await);

    std::fs::write(&file, users(&[("ben", "pw")])).unwrap();
    fixture.service.reload_users(&file, clock()).await;
    assert!(!log_in(&fixture, "ann", &key).await);
    let id = format!("k.{}", made["uuid"].as_str().unwrap());
    assert!(ended(&fixture).contains(&id) && ended(&fixture).len() == 3);

    // The line of before is there again: what it makes is accepted again.
    std::fs::write(&file, users(&[("ann", "new"), ("ben", "pw")])).unwrap();
    fixture.service.reload_users(&file, clock()).await;
    assert_eq!(ended(&fixture).len(), 1);
    assert!(log_in(&fixture, "ann", &key).await);
    std::fs::write(&file, users(&[("ben", "pw")])).unwrap();
    fixture.service.reload_users(&file, clock()).await;

    // Another configuration of the same process knows it, too, and has the same login key.
    let before = fixture.service.key().public_jwk().unwrap();
    fixture.service = assemble(&fixture.folder, &mut fixture.kept).await;
    assert!(ended(&fixture).contains(&id));
    assert_eq!(fixture.service.key().public_jwk().unwrap(), before);
    // And what is gone from the file at that moment.
    std::fs::write(&file, users(&[("ann", "pw")])).unwrap();
    let known = ended(&fixture).len();
    fixture.service = assemble(&fixture.folder, &mut fixture.kept).await;
    assert_eq!(ended(&fixture).len(), known + 1);
}

#[tokio::test]
async fn nothing_is_answered_that_the_filter_has_not_seen() {
    let fixture = Fixture::new().await;
    let good = || caller("GET", API, Some("ann")).sign(&push_key(1));
    let old = Caller {
        at: clock().before(std::time::Duration::from_secs(61)),
        ..caller("GET", API, Some("ann"))
    };
    let rows = [
        ("as it should be", API, vec![good()], 200),
        ("no caller", API, vec![], 401),
        ("two", API, vec![good(), good()], 401),
        (
            "another key",
            API,
            vec![caller("GET", API, Some("ann")).sign(&push_key(2))],
            401,
        ),
        (
            "another method",
            API,
            vec![caller("POST", API, Some("ann")).sign(&push_key(1))],
            401,
        ),
        ("another path", "/zot/auth/apikey?id=1", vec![good()], 401),
        ("too old", API, vec![old.sign(&push_key(1))], 401),
        (
            "anonymous",
            API,
            vec![caller("GET", API, None).sign(&push_key(1))],
            401,
        ),
    ];
    for (name, path, callers, expected) in rows {
        let mut request = Request::get(path);
        for caller in callers {
            request = request.header(CALLER_HEADER, caller);
        }
        let got = fixture.send(request.body(Full::default()).unwrap()).await;
        assert_eq!(got.status, expected, "{name}: {}", got.body);
    }
    // Paths are exact (D42).
    for path in ["/zot/auth/apikey/foo", "/zot/auth/apikeyfoo", "/other"] {
        assert_eq!(
            fixture.visit("GET", path, Some("ann"), "").await.status,
            404,
            "{path}"
        );
    }
    let body = " ".repeat(9000);
    assert_eq!(
        fixture.visit("POST", API, Some("ann"), &body).await.status,
        413
    );
}

#[tokio::test]
async fn one_user_ends_nobody_elses_logins() {
    let fixture = Fixture::new().await;
    let visit = |path: &str, user: &str, id: String| {
        let mut caller = caller("POST", path, Some(user));
        let identity = caller.identity.as_mut().unwrap();
        identity.id = Some(id);
        let request = Request::post(path)
            .header("sec-fetch-site", "same-origin")
            .header(CALLER_HEADER, caller.sign(&push_key(1)));
        fixture.send(request.body(Full::from("user=ann&password=pw")).unwrap())
    };
    let most = crate::ended::MAX_PER_USER;
    for number in 0..most {
        let path = ["/login", "/login/logout"][number % 2];
        let got = visit(path, "ann", format!("s.{number}")).await;
        assert!(got.status < 400, "{number}: {}", got.status);
    }
    // (path, user, id, status)
    let rows = [
        ("/login", "ann", "s.more", 429),
        ("/login/logout", "ann", "s.more", 429),
        ("/login/logout", "ann", "s.0", 200),
        ("/login/logout", "ben", "s.ben", 200),
    ];
    for (path, user, id, expected) in rows {
        let got = visit(path, user, id.to_owned()).await;
        assert_eq!(got.status, expected, "{path} {user} {id}");
        assert_eq!(got.headers.contains_key("retry-after"), expected == 429);
    }
    assert_eq!(ended(&fixture).len(), most + 1);

    // Keys too, which are not deleted unless they end.
    let key = fixture.visit("POST", API, Some("ann"), "{}").await.json();
    let path = format!("{API}?id={}", key["uuid"].as_str().unwrap());
    let got = fixture.visit("DELETE", &path, Some("ann"), "").await;
    assert_eq!(got.status, 429);
    assert!(got.headers.contains_key("retry-after"));
    assert!(log_in(&fixture, "ann", key["apiKey"].as_str().unwrap()).await);
}

/// Names and passwords.
type Lines = &'static [(&'static str, &'static str)];

#[tokio::test]
async fn a_name_that_is_given_again_has_no_keys_of_before() {
    let both = [("ann", "pw"), ("ben", "pw")];
    // (what it is, the users meanwhile, seconds, whether the key is good again)
    let rows: [(&str, Lines, u64, bool); 5] = [
        ("the file was written again", &[("ben", "pw")], 59, true),
        ("ann was removed", &[("ben", "pw")], 60, false),
        ("the file was empty for long", &[], 3600, true),
        ("another was removed", &[("ann", "pw")], 60, true),
        ("a new password", &[("ann", "new"), ("ben", "pw")], 60, true),
    ];
    for (name, meanwhile, seconds, expected) in rows {
        let fixture = Fixture::new().await;
        let (mut gone, now) = (Gone::default(), clock());
        let made = fixture.visit("POST", API, Some("ann"), "{}").await.json();
        let key = made["apiKey"].as_str().unwrap();
        let file = fixture.path("users");
        let later = now.after(std::time::Duration::from_secs(seconds));
        // (the users, when, whether they are new)
        let steps = [
            (&both[..], now, true),
            (meanwhile, now, true),
            (meanwhile, later, false),
            (&both, later, true),
        ];
        for (lines, at, is_new) in steps {
            std::fs::write(&file, users(lines)).unwrap();
            if is_new {
                fixture.service.reload_users(&file, at).await;
            }
            let forgotten = fixture.service.forget_gone(&mut gone, is_new, at).await;
            assert_eq!(forgotten, Ok(()), "{name}");
        }
        assert_eq!(log_in(&fixture, "ann", key).await, expected, "{name}");
    }
}

#[tokio::test]
async fn a_name_that_was_gone_at_the_start_is_gone_too() {
    let mut fixture = Fixture::new().await;
    let made = fixture.visit("POST", API, Some("ann"), "{}").await.json();
    let file = fixture.path("users");
    std::fs::write(&file, users(&[("ben", "pw")])).unwrap();
    fixture.service = assemble(&fixture.folder, &mut fixture.kept).await;
    let (mut gone, now) = (Gone::default(), clock());
    for (is_new, seconds) in [(true, 0), (false, 60)] {
        let at = now.after(std::time::Duration::from_secs(seconds));
        let forgotten = fixture.service.forget_gone(&mut gone, is_new, at).await;
        assert_eq!(forgotten, Ok(()));
    }
    std::fs::write(&file, users(&[("ann", "pw"), ("ben", "pw")])).unwrap();
    fixture.service.reload_users(&file, clock()).await;
    assert!(!log_in(&fixture, "ann", made["apiKey"].as_str().unwrap()).await);
}
