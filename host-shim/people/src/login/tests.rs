use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::*;
use crate::cases;
use crate::config;
use crate::ldap::slapd::Slapd;
use crate::ldap::tests::configured;
use crate::programs::free_port;

const KEY: &str = "zak_0123456789abcdef0123456789abcdef";

/// Knows one key, and counts how often it is asked.
#[derive(Clone, Default)]
struct OneKey(Arc<AtomicUsize>);

impl ApiKeyMethod for OneKey {
    fn authenticate<'a>(&'a self, user: &'a str, key: &'a Secret) -> Answer<'a> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let is_right = user == "ann" && key.expose() == KEY.as_bytes();
        let person = is_right.then(|| Person {
            user: "ann".to_owned(),
            groups: vec!["of the key".to_owned()],
            method: Method::ApiKey,
            sid: "k.1".to_owned(),
            not_after: None,
            scopes: Vec::new(),
        });
        Box::pin(async { Ok(person) })
    }
}

fn users(lines: &[(&str, &str)]) -> Users {
    let line = |(user, password): &(&str, &str)| {
        format!(
            "{user}:{}\n",
            bcrypt::hash_with_salt(password, 4, [7; 16]).unwrap()
        )
    };
    Users::new(lines.iter().map(line).collect::<String>().as_bytes())
}

/// A directory where nothing listens.
fn gone() -> Directory {
    let document = json!({ "http": { "auth": { "ldap": {
        "address": "127.0.0.1", "insecure": true, "port": free_port(), "baseDN": "dc=x", "userAttribute": "uid",
    } } } });
    let server = config::read(&document).unwrap().unwrap().ldap.unwrap();
    Directory::new(server, None, None).unwrap()
}

async fn log_in(login: &Login, user: &str, password: &str) -> Result<Person, LoginError> {
    login
        .authenticate(user, Secret::new(password.as_bytes().to_vec()), None)
        .await
}

fn outcome(result: &Result<Person, LoginError>) -> String {
    match result {
        Ok(person) => format!("{} {}", person.method, person.user),
        Err(LoginError::Unavailable { reason, .. }) => reason.to_string(),
        Err(LoginError::TooManyAttempts { .. }) => "too many".to_owned(),
        Err(LoginError::WrongPassword) => "wrong".to_owned(),
    }
}

#[tokio::test]
#[ignore = "needs slapd"]
async fn one_name_may_have_two_passwords_and_keys_go_to_no_directory() {
    let slapd = Slapd::start();
    let keys = OneKey::default();
    let directory = configured(&slapd, &json!({})).unwrap();
    let users = users(&[("alice", "alicepw"), ("ann", "other")]);
    let login = Login::new(
        Some(users),
        Some(directory),
        Some(Box::new(keys.clone())),
        [1; 16],
    );
    let row = |id: &str| {
        cases::rows("ldap-login")
            .into_iter()
            .find(|row| row.id == id)
            .unwrap()
    };
    let alice = row("ldap-login-48");
    assert_eq!(alice.expect["status"], 200);
    let [user, password] =
        ["user", "password"].map(|name| alice.input[name].as_str().unwrap().to_owned());
    let in_file = log_in(&login, &user, &password).await.unwrap();
    assert_eq!(
        (in_file.method, in_file.groups.len()),
        (Method::Htpasswd, 0)
    );
    let in_directory = log_in(&login, "alice", "aliceldap").await.unwrap();
    assert_eq!(
        (&in_directory.method, in_directory.groups.len()),
        (&Method::Ldap, 1)
    );
    // They are found again without a password; another entry of the same name is somebody else.
    assert_eq!(
        login.still(&in_directory).await,
        Ok(Some(in_directory.clone()))
    );
    let moved = Person {
        sid: "l.other".to_owned(),
        ..in_directory
    };
    assert_eq!(login.still(&moved).await, Ok(None));
    let binds = slapd.binds_of_people();
    assert_eq!((binds, keys.0.load(Ordering::SeqCst)), (1, 0));
    // A key is not sent to the directory, right or wrong; nor is a token.
    let key = row("ldap-login-50");
    assert_eq!(key.expect["note"], "no LDAP traffic");
    let searches = slapd.log().matches(" SRCH base=").count();
    for (user, secret, expected) in [
        ("ann", KEY, "apikey ann"),
        ("ben", KEY, "wrong"),
        ("ann", "zak_0123456789abcdef0123456789abcdee", "wrong"),
        ("ann", "e30.e30.c2ln", "wrong"),
    ] {
        assert_eq!(
            outcome(&log_in(&login, user, secret).await),
            expected,
            "{user} {secret}"
        );
    }
    assert_eq!(keys.0.load(Ordering::SeqCst), 3);
    assert_eq!(
        (
            slapd.binds_of_people(),
            slapd.log().matches(" SRCH base=").count()
        ),
        (binds, searches)
    );
    // What only looks like a key is a password.
    assert_eq!(outcome(&log_in(&login, "ben", "zak_0123").await), "wrong");
    assert_eq!(slapd.binds_of_people(), binds + 1);
}

#[tokio::test]
async fn users_of_the_file_log_in_while_the_directory_is_gone() {
    let login = Login::new(Some(users(&[("ann", "pw")])), Some(gone()), None, [1; 16]);
    let rows = [
        ("ann", "pw", "htpasswd ann"),
        ("ann", "wrong", "directory_unavailable"),
        ("ann", "pw", "htpasswd ann"),
        ("nobody", "x", "directory_unavailable"),
        ("ann", KEY, "wrong"),
        ("", "pw", "wrong"),
    ];
    for (user, password, expected) in rows {
        assert_eq!(
            outcome(&log_in(&login, user, password).await),
            expected,
            "{user} {password}"
        );
    }
    // Two failures of ann's so far. An outage is none, unless the file has the name: its password could be
    // guessed meanwhile.
    for (user, number) in [("ben", 12), ("ann", 8)] {
        for number in 0..number {
            let password = format!("guess{number}");
            assert_eq!(
                outcome(&log_in(&login, user, &password).await),
                "directory_unavailable"
            );
        }
    }
    assert_eq!(outcome(&log_in(&login, "ann", "pw").await), "too many");
    assert_eq!(
        outcome(&log_in(&login, "ben", "pw").await),
        "directory_unavailable"
    );
    let logins = login.counters().logins();
    assert_eq!(
        logins,
        [
            ("htpasswd", Outcome::Right, 2),
            ("none", Outcome::Wrong, 2),
            ("none", Outcome::TooMany, 1),
            ("none", Outcome::Unavailable, 23),
        ]
    );
}

#[tokio::test]
async fn ten_wrong_passwords_are_enough() {
    let login = Login::new(
        Some(users(&[("ann", "pw"), ("ben", "pw")])),
        None,
        None,
        [1; 16],
    );
    for number in 0..10 {
        let wrong = format!("wrong{number}");
        assert_eq!(outcome(&log_in(&login, "ann", &wrong).await), "wrong");
        assert_eq!(
            outcome(&log_in(&login, "ann", "wrong0").await),
            if number < 9 { "wrong" } else { "too many" }
        );
    }
    let refused = log_in(&login, "ann", "pw").await;
    let Err(LoginError::TooManyAttempts { retry_after }) = refused else {
        panic!("{refused:?}")
    };
    assert!(!retry_after.is_zero());
    assert_eq!(outcome(&log_in(&login, "ben", "pw").await), "htpasswd ben");
    let other = Some("203.0.113.9".parse().unwrap());
    let ann = login
        .authenticate("ann", Secret::new(b"pw".to_vec()), other)
        .await;
    assert_eq!(outcome(&ann), "htpasswd ann");
}

#[tokio::test]
async fn an_attempt_that_nobody_waits_for_counts_no_longer() {
    let login = Login::new(Some(users(&[("ann", "pw")])), None, None, [1; 16]);
    for number in 0..20 {
        let password = format!("wrong{number}");
        tokio::select! {
            biased;
            _ = log_in(&login, "ann", &password) => {}
            () = std::future::ready(()) => {}
        }
    }
    assert_eq!(outcome(&log_in(&login, "ann", "pw").await), "htpasswd ann");
}

#[tokio::test]
async fn a_changed_file_is_used_at_once() {
    let login = Login::new(Some(users(&[("ann", "old")])), None, None, [1; 16]);
    let ann = log_in(&login, "ann", "old").await.unwrap();
    assert_eq!(outcome(&log_in(&login, "ann", "new").await), "wrong");
    assert_eq!(login.still(&ann).await, Ok(Some(ann.clone())));
    assert!(login.is_reserved("ann") && !login.is_reserved("Ann"));
    let hash = bcrypt::hash_with_salt("new", 4, [8; 16]).unwrap();
    let reload = login.reload_users(Ok(format!("ann:{hash}").into_bytes()));
    let ended = vec![ann.sid.clone()];
    assert_eq!(
        reload,
        Some(Reload::Taken {
            users: 1,
            findings: vec![],
            ended
        })
    );
    // The password that was wrong a moment ago is right now.
    assert_eq!(outcome(&log_in(&login, "ann", "new").await), "htpasswd ann");
    assert_eq!(outcome(&log_in(&login, "ann", "old").await), "wrong");
    assert_eq!(login.still(&ann).await, Ok(None));
}

#[test]
fn kinds_of_secrets() {
    let rows = [
        (KEY, Kind::ApiKey),
        ("zak_0123456789ABCDEF0123456789abcdef", Kind::ApiKey),
        ("zak_0123456789abcdef0123456789abcde", Kind::Password),
        ("zak_0123456789abcdef0123456789abcdefa", Kind::Password),
        ("zak_0123456789abcdef0123456789abcdeg", Kind::Password),
        ("e30.e30.c2ln", Kind::Token),
        ("a.b", Kind::Password),
        ("a.b.c.d", Kind::Password),
        ("a..c", Kind::Password),
        ("a.b.", Kind::Password),
        ("a.b.c=", Kind::Password),
        ("a.b!.c", Kind::Password),
        ("", Kind::Password),
        ("pw", Kind::Password),
    ];
    for (secret, kind) in rows {
        assert_eq!(Kind::of(secret.as_bytes()), kind, "{secret}");
    }
}

#[tokio::test]
async fn what_is_too_long_is_nobody_s_password() {
    let long = "x".repeat(MAX_PASSWORD + 1);
    let login = Login::new(Some(users(&[("ann", &long)])), None, None, [1; 16]);
    assert_eq!(outcome(&log_in(&login, "ann", &long).await), "wrong");
    assert_eq!(
        outcome(&log_in(&login, "ann", &"x".repeat(MAX_PASSWORD)).await),
        "htpasswd ann"
    );
    assert_eq!(
        outcome(&log_in(&login, &"a".repeat(MAX_USER + 1), "pw").await),
        "wrong"
    );
}

/// What the log has got.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, text: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_password_is_logged() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let login = Login::new(
        Some(users(&[("ann", "open sesame")])),
        Some(gone()),
        None,
        [1; 16],
    );
    for (user, password) in [
        ("ann", "open sesame"),
        ("ann", "other sesame"),
        ("ben", "other sesame"),
        ("ann", KEY),
    ] {
        let result = log_in(&login, user, password).await;
        assert!(!format!("{result:?}").contains("sesame"));
    }
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("the directory is unavailable"), "{log}");
    assert!(!log.contains("sesame") && !log.contains(KEY), "{log}");
}
