use serde_json::json;

use super::*;

fn file() -> Value {
    json!({
        "about": "",
        "configs": {
            "base": {"plugin": {"http": {"a": 1, "b": 2}, "cert": "${pem:es256}"}},
            "derived": {"like": "base", "plugin": {"http": {"b": null, "c": 3}}, "pushed": ["rs256"]},
        },
        "tokens": {
            "t": {"key": "eddsa", "claims": {"sub": "a", "exp": "+1h"}},
            "without": {"like": "t", "header": {"kid": null}, "claims": {"sub": null}, "tamper": null},
        },
        "rows": [{"name": "n", "config": "base", "request": "GET /v2/", "token": "t", "expect": {"status": 200}}],
    })
}

fn parse(file: &Value) -> Result<Scenarios> {
    Scenarios::parse("file", file.to_string().as_bytes())
}

fn refused(pointer: &str, value: Value) -> String {
    let mut file = file();
    *file.pointer_mut(pointer).unwrap() = value;
    format!("{:#}", parse(&file).unwrap_err())
}

#[test]
fn an_entry_is_laid_over_the_one_it_is_like() {
    let file = parse(&file()).unwrap();
    let plugin = &file.configs["derived"].plugin;
    assert_eq!(plugin["http"], json!({"a": 1, "c": 3}));
    assert_eq!(plugin["cert"], file.configs["base"].plugin["cert"]);
    assert_eq!(
        file.configs["derived"].pushed,
        Some(vec!["rs256".to_owned()])
    );
    let token = file.tokens["without"].mint(UnixTime::from_secs(0)).unwrap();
    // {"alg":"EdDSA","typ":"JWT"} and {"exp":3600}
    assert!(
        token.starts_with("eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9.eyJleHAiOjM2MDB9."),
        "{token}"
    );
}

#[test]
fn the_smoke_file_is_well_formed() {
    assert!(!Scenarios::all().unwrap().is_empty());
}

#[test]
fn a_request_is_what_its_row_says() {
    let mut file = file();
    file["rows"] = json!([
        {"name": "1", "config": "base", "request": "PUT /a\u{ff}", "headers": [["x", "\u{80}"]], "body": 2, "expect": {"status": 200}},
        {"name": "2", "config": "base", "request": "GET /", "token": "t", "as": "basic", "user": "u", "expect": {"status": 200}},
        {"name": "3", "config": "base", "request": "GET /", "token": "t", "as": "raw", "expect": {"status": 200}},
        {"name": "4", "config": "base", "request": "POST /", "authorization": ["a", "b ${token:t}"], "body": "k=v", "expect": {"status": 200}},
    ]);
    let file = parse(&file).unwrap();
    let request = |index: usize| {
        file.request(&file.rows[index], UnixTime::from_secs(0))
            .unwrap()
    };
    let token = file.tokens["t"].mint(UnixTime::from_secs(0)).unwrap();
    assert_eq!(request(0).target, b"/a\xff");
    assert_eq!(request(0).headers, [("x".to_owned(), vec![0x80])]);
    assert_eq!(request(0).body, Body::Sized(b"xx".to_vec()));
    assert_eq!(
        request(1).headers[0].1,
        expand::basic("u", &token).as_bytes()
    );
    assert_eq!(request(2).headers[0].1, token.as_bytes());
    assert_eq!(request(3).headers[1].1, format!("b {token}").as_bytes());
    assert_eq!(request(3).body, Body::Sized(b"k=v".to_vec()));
}

#[test]
fn a_mistake_is_an_error_that_says_where() {
    let row =
        json!({"name": "n", "config": "base", "request": "GET /v2/", "expect": {"status": 200}});
    let with = |name: &str, value: Value| {
        let mut row = row.clone();
        row[name] = value;
        json!([row])
    };
    for (pointer, value, message) in [
        ("/rows", with("expct", json!({})), "rows[0]"),
        (
            "/rows",
            with("expect", json!({"status": 200, "stats": 1})),
            "expect.stats",
        ),
        (
            "/rows",
            with("config", json!("nobody")),
            "no config `nobody`",
        ),
        ("/rows", with("token", json!("nobody")), "no token `nobody`"),
        (
            "/rows",
            with("authorization", json!("${token:nobody}")),
            "no token `nobody`",
        ),
        ("/rows", with("request", json!("GET")), "METHOD TARGET"),
        ("/rows", with("request", json!("GET /\u{100}")), "no byte"),
        (
            "/rows",
            with(
                "expect",
                json!({"status": 403, "code": "DENIED", "upstream": {}}),
            ),
            "does not reach",
        ),
        ("/rows", json!([row, row]), "duplicate name `n`"),
        ("/tokens/t", json!({"key": "eddsa", "kdi": 1}), "tokens.t"),
        ("/tokens/t/key", json!("nobody"), "no test key `nobody`"),
        ("/tokens/t/claims/exp", json!("+1w"), "relative time"),
        ("/tokens/without/like", json!("nobody"), "no `nobody`"),
        ("/tokens/without/like", json!("without"), "circle"),
        (
            "/configs/base/plugin/cert",
            json!("${pem:nobody}"),
            "configs.base",
        ),
        (
            "/configs/derived",
            json!({"like": "base", "plugins": {}}),
            "configs.derived",
        ),
    ] {
        let error = refused(pointer, value.clone());
        assert!(error.contains(message), "{value}: {error}");
    }
    let twice =
        br#"{"about": "", "configs": {"a": {"plugin": 1}, "a": {"plugin": 2}}, "rows": []}"#;
    assert!(Scenarios::parse("file", twice).is_err());
}
