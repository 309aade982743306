use serde_json::json;

use super::*;

fn expect(value: Value) -> Expect {
    serde_json::from_value(value).unwrap()
}

fn refusal(status: u16, headers: &[(&str, &str)], body: &str) -> Outcome {
    let fields = [
        ("content-type", "application/json"),
        (VERSION, "registry/2.0"),
    ]
    .iter()
    .chain(headers);
    let headers = fields
        .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
        .collect();
    Outcome::Answered(Response {
        status,
        headers,
        body: body.as_bytes().to_vec(),
    })
}

const BODY: &str = r#"{"errors":[{"code":"DENIED","message":"no","detail":{"reason":"because"}}]}"#;

#[test]
fn a_refusal_in_good_form_has_no_differences() {
    let get = Request::new("GET", "/v2/");
    let row =
        expect(json!({"status": 403, "code": "DENIED", "detail": "because", "challenge": false}));
    assert_eq!(
        row.differences(&get, &refusal(403, &[], BODY)),
        Vec::<String>::new()
    );
    let row = expect(json!({"status": 401, "challenge": "Basic x", "headers": {"x-other": null}}));
    assert_eq!(
        row.differences(
            &get,
            &refusal(401, &[("www-authenticate", "Basic x")], BODY)
        ),
        Vec::<String>::new()
    );
    let head = Request::new("HEAD", "/v2/");
    let row = expect(json!({"status": 403, "code": "DENIED"}));
    assert_eq!(
        row.differences(&head, &refusal(403, &[], "")),
        Vec::<String>::new()
    );
}

#[test]
fn every_departure_from_the_form_shows() {
    let without = |name: &str| {
        let headers = [
            ("content-type", "application/json"),
            (VERSION, "registry/2.0"),
        ]
        .into_iter();
        let headers = headers
            .filter(|(other, _)| *other != name)
            .map(|(name, value)| (name.into(), value.into()));
        Outcome::Answered(Response {
            status: 403,
            headers: headers.collect(),
            body: BODY.into(),
        })
    };
    let rows = [
        (refusal(401, &[], BODY), 401, "GET"),
        (
            refusal(403, &[("www-authenticate", "Basic x")], BODY),
            403,
            "GET",
        ),
        (refusal(503, &[], BODY), 503, "GET"),
        (
            refusal(403, &[], r#"{"errors":[{"code":"DENIED","message":""}]}"#),
            403,
            "GET",
        ),
        (refusal(403, &[], BODY), 403, "HEAD"),
        (refusal(403, &[], BODY), 404, "GET"),
        (without("content-type"), 403, "GET"),
        (without(VERSION), 403, "GET"),
    ];
    for (outcome, status, method) in rows {
        let row = expect(json!({"status": status}));
        assert_eq!(
            row.differences(&Request::new(method, "/v2/"), &outcome)
                .len(),
            1,
            "{outcome:?}"
        );
    }
    let elsewhere = expect(json!({"status": 403}))
        .differences(&Request::new("GET", "/v2x"), &refusal(403, &[], BODY));
    assert_eq!(
        elsewhere.len(),
        1,
        "the version is of the registry's API only: {elsewhere:?}"
    );
    let without_body = refusal(403, &[], "");
    let found =
        expect(json!({"status": 403})).differences(&Request::new("GET", "/v2/"), &without_body);
    assert_eq!(found.len(), 2, "neither code nor message: {found:?}");
}

#[test]
fn the_credential_of_the_request_itself_may_be_expected() {
    let row = expect(json!({"status": 200, "json": {"token": "${presented}"}}));
    let request = |value: &str| Request::new("GET", "/token").header("authorization", value);
    let form = |body: &str| Request::new("POST", "/token").body(body.as_bytes().to_vec());
    let answer = |token: &str| {
        let body = json!({ "token": token }).to_string().into_bytes();
        Outcome::Answered(Response {
            status: 200,
            headers: vec![],
            body,
        })
    };
    for request in [
        request("Bearer a.b.c"),
        request("Basic dTphLmIuYw=="),
        form("x=1&password=a.b.c&y=2"),
    ] {
        assert_eq!(
            row.differences(&request, &answer("a.b.c")),
            Vec::<String>::new(),
            "{request:?}"
        );
        for other in ["", "b.c", "a.b.cd", "password", "anonymous"] {
            assert_eq!(
                row.differences(&request, &answer(other)).len(),
                1,
                "{other}: {request:?}"
            );
        }
    }
    let other = row.differences(&Request::new("GET", "/token"), &answer("a.b.c"));
    assert_eq!(other.len(), 1, "{other:?}");
}

#[test]
fn a_proxy_may_refuse_in_its_own_form_and_no_other() {
    let plain = |status| {
        let headers = vec![("content-type".to_owned(), b"text/plain".to_vec())];
        Outcome::Answered(Response {
            status,
            headers,
            body: b"Bad Request".to_vec(),
        })
    };
    let row = expect(json!({"status": 405, "code": "UNSUPPORTED", "proxy": 400}));
    let get = Request::new("get", "/v2/");
    assert_eq!(row.differences(&get, &plain(400)), Vec::<String>::new());
    for other in [plain(403), refusal(400, &[], BODY)] {
        assert!(!row.differences(&get, &other).is_empty(), "{other:?}");
    }
}

#[test]
fn what_reached_the_upstream_is_compared() {
    let request = Request::new("PUT", "/v2/a").body(b"abc".to_vec());
    let seen = UpstreamRequest {
        method: "PUT".into(),
        path: "/v2/a".into(),
        headers: vec![("x-user".into(), b"ann".to_vec())],
        body: 3,
        sha256: crate::upstream::sha256(b"abc"),
    };
    let outcome = Outcome::Forwarded {
        seen: seen.clone(),
        status: 200,
    };
    let good = json!({"status": 200, "upstream": {"path": "/v2/a", "headers": {"x-user": "ann", "authorization": null}}});
    assert_eq!(
        expect(good).differences(&request, &outcome),
        Vec::<String>::new()
    );
    for wrong in [
        json!({"status": 403, "upstream": {}}),
        json!({"status": 200, "upstream": {"path": "/v2/b"}}),
        json!({"status": 200, "upstream": {"headers": {"x-user": null}}}),
        json!({"status": 200, "upstream": {"headers": {"x-other": "1"}}}),
    ] {
        assert_eq!(
            expect(wrong.clone()).differences(&request, &outcome).len(),
            1,
            "{wrong}"
        );
    }
    let lost = Outcome::Forwarded {
        seen: UpstreamRequest { body: 2, ..seen },
        status: 200,
    };
    assert_eq!(
        expect(json!({"status": 200}))
            .differences(&request, &lost)
            .len(),
        1
    );
}

#[test]
fn contradictions_are_refused() {
    assert!(
        expect(json!({"status": 403, "code": "DENIED", "upstream": {}}))
            .check()
            .is_err()
    );
    assert!(
        expect(json!({"status": 200, "challenge": true}))
            .check()
            .is_err()
    );
    assert!(
        expect(json!({"status": 404, "upstream": {}}))
            .check()
            .is_ok()
    );
}
