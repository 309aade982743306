//! `POST /v1/login`.

use std::time::Duration;

use registry_auth_engine::authn::token::UnverifiedToken;
use registry_auth_engine::login::{LoginPurpose, LoginQuestion, LoginRequest, PATH};
use zeroize::Zeroizing;

use super::*;

fn question(user: &str, secret: &str, purpose: LoginPurpose) -> Vec<u8> {
    let question = LoginQuestion {
        user: user.into(),
        secret: Zeroizing::new(secret.into()),
        purpose,
        client: Some("203.0.113.9".into()),
    };
    question.to_json().to_vec()
}

fn proof(body: &[u8], nonce: u8, at: UnixTime, key: u8) -> String {
    let nonce = vec![nonce; 16];
    let proof = LoginRequest { nonce, at }.sign(body, &push_key(key));
    format!("Bearer {proof}")
}

async fn post(fixture: &Fixture, authorization: Option<String>, body: Vec<u8>) -> Got {
    let mut request = Request::post(PATH);
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    fixture.send(request.body(Full::from(body)).unwrap()).await
}

#[tokio::test]
async fn a_password_becomes_a_token_for_who_asks() {
    let fixture = Fixture::new().await;
    let rows = [
        ("ann", "pw", LoginPurpose::Login, 200, "login"),
        ("ann", "pw", LoginPurpose::Token, 200, "token"),
        ("ann", "no", LoginPurpose::Login, 401, "wrong_password"),
        ("eve", "pw", LoginPurpose::Login, 401, "wrong_password"),
    ];
    for (nonce, (user, secret, purpose, status, expected)) in (0..).zip(rows) {
        let body = question(user, secret, purpose);
        let proof = proof(&body, nonce, clock(), 1);
        let got = post(&fixture, Some(proof), body).await;
        assert_eq!(got.status, status, "{user} {secret}");
        if status == 401 {
            assert_eq!(got.json(), json!({ "reason": expected }));
            continue;
        }
        let answer = got.json();
        let token = UnverifiedToken::parse(answer["token"].as_str().unwrap()).unwrap();
        let claims = token.claims_unverified().as_map();
        assert_eq!(claims["aud"], expected);
        assert_eq!(
            (&claims["sub"], &claims["amr"]),
            (&json!("ann"), &json!(["htpasswd"]))
        );
        assert_eq!(claims["iss"], "urn:registry-auth:login");
    }
    for number in 0..12 {
        let body = question("ann", &format!("guess{number}"), LoginPurpose::Login);
        let proof = proof(&body, 100 + number, clock(), 1);
        let got = post(&fixture, Some(proof), body).await;
        let too_many = got.status == 429;
        assert_eq!(too_many, number >= 9, "{number}: {}", got.body);
        assert_eq!(got.headers.contains_key("retry-after"), too_many);
    }
}

#[tokio::test]
async fn only_the_filter_asks_and_each_question_once() {
    let fixture = Fixture::new().await;
    let body = || question("ann", "pw", LoginPurpose::Login);
    let minutes = |minutes| Duration::from_mins(minutes);
    let (now, other) = (clock(), question("ann", "other", LoginPurpose::Login));
    let rows = [
        ("nothing", None, 401),
        ("another scheme", Some("Basic YTpi".to_owned()), 401),
        ("another key", Some(proof(&body(), 1, now, 2)), 401),
        ("another body", Some(proof(&other, 2, now, 1)), 401),
        (
            "too old",
            Some(proof(&body(), 3, now.before(minutes(6)), 1)),
            401,
        ),
        (
            "of the future",
            Some(proof(&body(), 4, now.after(minutes(6)), 1)),
            401,
        ),
        ("good", Some(proof(&body(), 5, now, 1)), 200),
        ("the same again", Some(proof(&body(), 5, now, 1)), 401),
        ("with another nonce", Some(proof(&body(), 6, now, 1)), 200),
    ];
    for (name, authorization, expected) in rows {
        let got = post(&fixture, authorization, body()).await;
        assert_eq!(got.status, expected, "{name}: {}", got.body);
    }
    for (body, expected) in [(b"{}".to_vec(), 400), (vec![b' '; 129 * 1024], 413)] {
        let proof = proof(&body, 7, clock(), 1);
        assert_eq!(post(&fixture, Some(proof), body).await.status, expected);
    }
    let got = Request::get(PATH).body(Full::default()).unwrap();
    assert_eq!(fixture.send(got).await.status, 405);
}

/// Whoever sends forms that never come to an end takes the places of one address.
#[tokio::test]
async fn an_address_with_all_its_places_is_asked_to_come_again_and_others_are_served() {
    let fixture = Fixture::new().await;
    let taken: Vec<_> = (0..shares::MAX_OF_ADDRESS)
        .map(|_| fixture.service.shares.take(Some("192.0.2.1")).unwrap())
        .collect();
    let visit = async |client: &str| {
        let caller = Caller {
            client: Some(client.to_owned()),
            ..caller("GET", "/login", None)
        };
        let request = Request::builder()
            .uri("/login")
            .header(CALLER_HEADER, caller.sign(&push_key(1)));
        let got = fixture.send(request.body(Full::default()).unwrap()).await;
        (got.status, got.headers.contains_key("retry-after"))
    };
    assert_eq!(visit("192.0.2.1").await, (429, true));
    assert_eq!(visit("192.0.2.2").await, (200, false));
    drop(taken);
    assert_eq!(visit("192.0.2.1").await, (200, false));
}
