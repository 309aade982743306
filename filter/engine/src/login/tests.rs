use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::*;
use crate::keys::envelope::exchange::ExchangeError;
use crate::keys::envelope::jws::sign;
use crate::keys::envelope::{Purpose, PushKey, PushRequest};
use crate::time::UnixTime;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

fn key(byte: u8) -> PushKey {
    PushKey::new(&[byte; 32]).unwrap()
}

fn at(apart: i64) -> UnixTime {
    UnixTime::from_secs(NOW.secs() + apart)
}

fn request() -> LoginRequest {
    LoginRequest {
        nonce: vec![7; 16],
        at: NOW,
    }
}

fn question(client: Option<&str>) -> LoginQuestion {
    LoginQuestion {
        user: "ann".into(),
        secret: Zeroizing::new("hunter2 \"é\\".into()),
        purpose: LoginPurpose::Token,
        client: client.map(str::to_owned),
    }
}

fn caller() -> Caller {
    Caller {
        at: NOW,
        method: "POST".into(),
        path: "/zot/auth/apikey?id=1".into(),
        client: Some("203.0.113.9".into()),
        identity: Some(CallerIdentity {
            user: "ann".into(),
            groups: vec!["ops".into()],
            methods: vec!["htpasswd".into()],
            id: Some("s.1".into()),
            parents: vec!["h.1".into()],
            expires: Some(at(60)),
        }),
    }
}

#[test]
fn a_request_is_of_one_body_and_of_now() {
    let body = b"{}";
    let text = request().sign(body, &key(1));
    let verify = |text: &str, body: &[u8], key: &PushKey, now| {
        LoginRequest::verify(text.as_bytes(), body, key, now)
    };
    assert_eq!(verify(&text, body, &key(1), NOW), Ok(request()));
    let unproven = Err(ExchangeError::Unproven);
    assert_eq!(
        verify(&text, b"{ }", &key(1), NOW),
        unproven,
        "another body"
    );
    assert_eq!(verify(&text, body, &key(2), NOW), unproven, "another key");
    for (apart, ok) in [(-301, false), (-300, true), (300, true), (301, false)] {
        let found = verify(&text, body, &key(1), at(apart));
        assert_eq!(
            found.err(),
            (!ok).then_some(ExchangeError::Clock),
            "{apart}"
        );
    }
    for (length, ok) in [(0, false), (15, false), (16, true), (64, true), (65, false)] {
        let nonce = vec![1; length];
        let text = LoginRequest { nonce, at: NOW }.sign(body, &key(1));
        assert_eq!(verify(&text, body, &key(1), NOW).is_ok(), ok, "{length}");
    }
}

#[test]
fn a_caller_is_that_of_one_request_and_of_now() {
    let anonymous = Caller {
        client: None,
        identity: None,
        ..caller()
    };
    for caller in [caller(), anonymous] {
        let text = caller.sign(&key(1));
        let verify = |method, path, key: &PushKey, now| {
            Caller::verify(text.as_bytes(), method, path, key, now)
        };
        let path = "/zot/auth/apikey?id=1";
        assert_eq!(verify("POST", path, &key(1), NOW), Ok(caller.clone()));
        let unproven = Err(ExchangeError::Unproven);
        assert_eq!(verify("DELETE", path, &key(1), NOW), unproven);
        assert_eq!(
            verify("POST", "/zot/auth/apikey?id=2", &key(1), NOW),
            unproven
        );
        assert_eq!(verify("POST", path, &key(2), NOW), unproven);
        for (apart, ok) in [(-61, false), (-60, true), (60, true), (61, false)] {
            let found = verify("POST", path, &key(1), at(apart)).err();
            assert_eq!(found, (!ok).then_some(ExchangeError::Clock), "{apart}");
        }
    }
}

#[test]
fn a_caller_of_another_form_is_refused() {
    let good = json!({ "v": 2, "at": NOW.secs(), "method": "GET", "path": "/login", "user": "a", "groups": [], "amr": [], "parents": [] });
    let rows = [
        ("v", json!(3), Some(ExchangeError::Version)),
        ("at", json!("1"), Some(ExchangeError::Unproven)),
        ("method", json!(1), Some(ExchangeError::Unproven)),
        ("client", json!(1), Some(ExchangeError::Unproven)),
        ("user", json!(null), Some(ExchangeError::Unproven)),
        ("groups", json!([1]), Some(ExchangeError::Unproven)),
        ("groups", json!("a"), Some(ExchangeError::Unproven)),
        ("amr", json!({}), Some(ExchangeError::Unproven)),
        ("parents", json!(null), Some(ExchangeError::Unproven)),
        ("sid", json!([]), Some(ExchangeError::Unproven)),
        ("exp", json!("5"), Some(ExchangeError::Unproven)),
        ("exp", json!(5), None),
    ];
    let verify = |payload: &Value, purpose| {
        let text = sign("registry-auth-caller+jws", payload, &key(1), purpose);
        Caller::verify(text.as_bytes(), "GET", "/login", &key(1), NOW).err()
    };
    assert_eq!(verify(&good, Purpose::Caller), None);
    assert_eq!(verify(&good, Purpose::Login), Some(ExchangeError::Unproven));
    for (name, value, expected) in rows {
        let mut payload = good.clone();
        payload[name] = value;
        assert_eq!(verify(&payload, Purpose::Caller), expected, "{name}");
    }
}

#[test]
fn no_proof_stands_in_for_another() {
    let pushed = PushRequest {
        set: SET.into(),
        nonce: vec![7; 16],
        at: NOW,
        generation: None,
    };
    let texts = [
        request().sign(b"", &key(1)),
        caller().sign(&key(1)),
        pushed.sign(&key(1)),
    ];
    let accepted = texts.map(|text| {
        let text = text.as_bytes();
        [
            LoginRequest::verify(text, b"", &key(1), NOW).is_ok(),
            Caller::verify(text, "POST", "/zot/auth/apikey?id=1", &key(1), NOW).is_ok(),
            PushRequest::verify(text, &key(1), NOW).is_ok(),
        ]
    });
    let expected = [
        [true, false, false],
        [false, true, false],
        [false, false, true],
    ];
    assert_eq!(accepted, expected);
}

#[test]
fn a_question_is_read_as_it_was_written() {
    for client in [None, Some("203.0.113.9")] {
        let question = question(client);
        assert_eq!(LoginQuestion::read(&question.to_json()), Ok(question));
    }
    let text = String::from_utf8(question(None).to_json().to_vec()).unwrap();
    assert_eq!(
        text,
        r#"{"user":"ann","secret":"hunter2 \"é\\","for":"token"}"#
    );
    let long = format!(
        r#"{{"user":"{}","secret":"","for":"login"}}"#,
        "a".repeat(MAX_QUESTION)
    );
    let rows = [
        (r#"{"user":"a","secret":"","for":"login"}"#, true),
        (r#"{"user":"a","secret":"","for":"session"}"#, false),
        (r#"{"user":"a","secret":""}"#, false),
        (
            r#"{"user":"a","user":"b","secret":"","for":"login"}"#,
            false,
        ),
        (r#"{"user":"a","secret":"","for":"login","x":1}"#, false),
        (r#"{"user":1,"secret":"","for":"login"}"#, false),
        ("", false),
        (&long, false),
    ];
    for (text, ok) in rows {
        assert_eq!(
            LoginQuestion::read(text.as_bytes()).is_ok(),
            ok,
            "{text:.50}"
        );
    }
}

#[test]
fn an_answer_is_read_as_it_was_written() {
    let unavailable = |why| LoginAnswer::Unavailable {
        why,
        retry_after: 7,
    };
    let answers = [
        LoginAnswer::Token("a.b.c".into()),
        LoginAnswer::WrongPassword,
        LoginAnswer::TooManyAttempts { retry_after: 60 },
        unavailable(Unavailable::Directory),
        unavailable(Unavailable::Busy),
        unavailable(Unavailable::Store),
    ];
    for answer in answers {
        let retry = answer.retry_after().map(|seconds| seconds.to_string());
        let retry = retry.as_deref().map(str::as_bytes);
        let read = LoginAnswer::read(answer.status(), retry, &answer.body());
        assert_eq!(read, answer);
    }
}

#[test]
fn whatever_is_no_answer_is_none() {
    let wrong = r#"{"reason":"wrong_password"}"#;
    let long = format!(r#"{{"token":"{}"}}"#, "a".repeat(48 * 1024 + 1));
    let rows = [
        (200, ""),
        (200, "{}"),
        (200, wrong),
        (200, r#"{"token":1}"#),
        (200, r#"{"token":"a","token":"b"}"#),
        (200, r#"{"token":"a","reason":"busy"}"#),
        (201, r#"{"token":"a"}"#),
        (200, &long),
        (401, "{}"),
        (401, r#"{"reason":"busy"}"#),
        (403, wrong),
        (429, wrong),
        (503, wrong),
        (503, r#"{"reason":"service_unavailable"}"#),
        (404, "not found"),
        (0, ""),
    ];
    for (status, body) in rows {
        let read = LoginAnswer::read(status, None, body.as_bytes());
        assert_eq!(read, LoginAnswer::NONE, "{status} {body:.50}");
    }
    let body = br#"{"reason":"too_many_attempts"}"#;
    let rows: [(Option<&[u8]>, u32); 7] = [
        (None, 5),
        (Some(b"60"), 60),
        (Some(b" 60 "), 60),
        (Some(b"0"), 1),
        (Some(b"99999"), 3600),
        (Some(b"-1"), 5),
        (Some(b"Wed, 21 Oct 2026 07:28:00 GMT"), 5),
    ];
    for (header, retry_after) in rows {
        let read = LoginAnswer::read(429, header, body);
        assert_eq!(read, LoginAnswer::TooManyAttempts { retry_after });
    }
}

#[test]
fn debug_shows_no_secret() {
    let shown = format!(
        "{:?} {:?}",
        question(None),
        LoginAnswer::Token("hunter2".into())
    );
    assert!(!shown.contains("hunter2"), "{shown}");
}
