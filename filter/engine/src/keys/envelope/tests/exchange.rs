//! Requests for a push, and their responses.

use super::*;

fn request(generation: Option<u64>) -> PushRequest {
    PushRequest {
        set: SECRET.into(),
        nonce: vec![5; 32],
        at: NOW,
        generation,
    }
}

fn response() -> PushResponse {
    PushResponse {
        status: 200,
        generation: 7,
        wanted: true,
        reads_bodies: true,
        error: None,
    }
}

#[test]
fn a_request_is_believed_with_the_push_key_while_it_is_fresh() {
    for request in [request(None), request(Some(7))] {
        let text = request.sign(&key(1));
        assert_eq!(
            PushRequest::verify(text.as_bytes(), &key(1), NOW),
            Ok(request.clone())
        );
        assert_eq!(
            PushRequest::verify(text.as_bytes(), &key(2), NOW),
            Err(ExchangeError::Unproven)
        );
        for apart in [
            MAX_CLOCK_DIFFERENCE,
            MAX_CLOCK_DIFFERENCE + Duration::from_millis(1),
        ] {
            for now in [NOW.after(apart), NOW.before(apart)] {
                let expected = if apart == MAX_CLOCK_DIFFERENCE {
                    Ok(())
                } else {
                    Err(ExchangeError::Clock)
                };
                assert_eq!(
                    PushRequest::verify(text.as_bytes(), &key(1), now).map(drop),
                    expected,
                    "{apart:?}"
                );
            }
        }
        for index in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[index] = if changed[index] == b'A' { b'B' } else { b'A' };
            assert_eq!(
                PushRequest::verify(&changed, &key(1), NOW),
                Err(ExchangeError::Unproven),
                "byte {index}"
            );
        }
    }
    for length in [0, 15, 65] {
        let text = PushRequest {
            nonce: vec![5; length],
            ..request(None)
        }
        .sign(&key(1));
        assert_eq!(
            PushRequest::verify(text.as_bytes(), &key(1), NOW),
            Err(ExchangeError::Unproven),
            "{length}"
        );
    }
}

#[test]
fn a_response_answers_one_request_and_no_other() {
    let asked = request(None);
    let refused = PushResponse {
        status: 409,
        error: Some("no".to_owned()),
        ..response()
    };
    let without_bodies = PushResponse {
        reads_bodies: false,
        ..response()
    };
    for response in [response(), refused, without_bodies] {
        let text = response.sign(&asked, &key(1));
        let status = response.status;
        let verify = |status, request: &PushRequest, key: &PushKey| {
            PushResponse::verify(text.as_bytes(), status, request, key)
        };
        assert_eq!(verify(status, &asked, &key(1)), Ok(response));
        let unproven = Err(ExchangeError::Unproven);
        assert_eq!(
            verify(status, &asked, &key(2)),
            unproven,
            "another push key"
        );
        assert_eq!(verify(204, &asked, &key(1)), unproven, "another status");
        let other = PushRequest {
            nonce: vec![6; 32],
            ..asked.clone()
        };
        assert_eq!(verify(status, &other, &key(1)), unproven, "an old nonce");
        let other = PushRequest {
            set: MINT.into(),
            ..asked.clone()
        };
        assert_eq!(verify(status, &other, &key(1)), unproven, "another set");
    }
}

#[test]
fn no_part_of_the_protocol_stands_in_for_another() {
    let asked = request(Some(7));
    let texts = [
        ("envelope", seal(&sample(), &key(1), &NONCE)),
        ("request", asked.sign(&key(1))),
        ("response", response().sign(&asked, &key(1))),
    ];
    for (name, text) in &texts {
        assert_eq!(
            open(text.as_bytes(), &key(1), NOW).is_ok(),
            *name == "envelope",
            "{name}"
        );
        assert_eq!(
            PushRequest::verify(text.as_bytes(), &key(1), NOW).is_ok(),
            *name == "request",
            "{name}"
        );
        let response = PushResponse::verify(text.as_bytes(), 200, &asked, &key(1));
        assert_eq!(response.is_ok(), *name == "response", "{name}");
    }
    // The type is checked too, not the key alone.
    let header = json!({ "alg": "HS256", "typ": TYPE }).to_string();
    for purpose in [Purpose::Request, Purpose::Response] {
        let (_, text) = &texts[if purpose == Purpose::Request { 1 } else { 2 }];
        let text = signed_for(purpose, &header, &payload_of(text).to_string());
        assert!(PushRequest::verify(text.as_bytes(), &key(1), NOW).is_err());
        assert!(PushResponse::verify(text.as_bytes(), 200, &asked, &key(1)).is_err());
    }
}

#[test]
fn other_versions_and_forms_of_an_exchange_are_refused() {
    let header = |kind: &str| json!({ "alg": "HS256", "typ": kind }).to_string();
    let good = payload_of(&request(Some(7)).sign(&key(1)));
    let rows = [
        ("v", json!(1), ExchangeError::Version),
        ("v", json!("2"), ExchangeError::Version),
        ("set", json!(null), ExchangeError::Unproven),
        ("nonce", json!("!"), ExchangeError::Unproven),
        ("at", json!("1000"), ExchangeError::Unproven),
        ("gen", json!(null), ExchangeError::Unproven),
        ("gen", json!(-1), ExchangeError::Unproven),
    ];
    for (name, value, expected) in rows {
        let mut payload = good.clone();
        payload[name] = value;
        let text = signed_for(
            Purpose::Request,
            &header("registry-auth-request+jws"),
            &payload.to_string(),
        );
        assert_eq!(
            PushRequest::verify(text.as_bytes(), &key(1), NOW),
            Err(expected),
            "{payload}"
        );
    }
    let good = payload_of(&response().sign(&request(None), &key(1)));
    for (name, value) in [
        ("v", json!(1)),
        ("status", json!("200")),
        ("gen", json!(-1)),
        ("wanted", json!(0)),
        ("bodies", json!(0)),
    ] {
        let mut payload = good.clone();
        payload[name] = value;
        let text = signed_for(
            Purpose::Response,
            &header("registry-auth-response+jws"),
            &payload.to_string(),
        );
        assert!(
            PushResponse::verify(text.as_bytes(), 200, &request(None), &key(1)).is_err(),
            "{payload}"
        );
    }
    let long = PushRequest {
        set: "s".repeat(MAX_MESSAGE),
        ..request(None)
    }
    .sign(&key(1));
    assert_eq!(
        PushRequest::verify(long.as_bytes(), &key(1), NOW),
        Err(ExchangeError::Unproven)
    );
}
