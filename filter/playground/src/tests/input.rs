//! Secrets, and bad input.

use serde_json::{Value, json};

use super::{TEXT, decide, load, parsed};
use crate::Workbench;

#[test]
fn secrets_are_found_and_not_repeated() {
    let token = "eyJhbGciOiJFZERTQSJ9.eyJpc3MiOiJhIn0.c2lnbmF0dXJlLXRoYXQtaXMtbG9uZw";
    let key = format!("zak_{}", "0123456789abcdef".repeat(2));
    let rows = [
        ("a: { clientsecret: hunter2 }".to_owned(), "a.clientsecret"),
        ("a: { bindPassword: hunter2 }".to_owned(), "a.bindPassword"),
        (
            "jwks: { keys: [{ kty: OKP, d: hunter2 }] }".to_owned(),
            "jwks.keys[0].d",
        ),
        (
            "a: \"-----BEGIN PRIVATE KEY-----\\nhunter2\"".to_owned(),
            "a",
        ),
        (format!("a: {token}"), "a"),
        (format!("a: [1, 'x {key}']"), "a[1]"),
        (format!("a: 1 # {token}"), ""),
        ("a: 1 # -----BEGIN PRIVATE KEY-----".to_owned(), ""),
        ("a: 1\n#   bindPassword: hunter2".to_owned(), ""),
        ("a: 1 # - \"clientsecret\" = hunter2".to_owned(), ""),
        ("a: 'x#y: z' ## password: hunter2".to_owned(), ""),
        (format!("a: ghp_{}", "a1".repeat(18)), "a"),
        (
            "x: &name hunter2\na: { bindPassword: *name }".to_owned(),
            "a.bindPassword",
        ),
        (
            "x: &name bindPassword\na: { *name : hunter2 }".to_owned(),
            "a.bindPassword",
        ),
        (
            "x: &all { bindPassword: hunter2 }\na: { <<: *all }".to_owned(),
            "a.bindPassword",
        ),
        (format!("a: {{ {token}: 1 }}"), "a"),
        ("a: { password: 12345678 }".to_owned(), "a.password"),
    ];
    for (text, path) in rows {
        let answer = shared(&text, "yaml", "", &Value::Null);
        let found = parsed(&answer);
        let mut secrets = found["secrets"].as_array().unwrap().iter();
        assert!(secrets.any(|one| one["path"] == path), "{text}: {found}");
        assert!(
            !answer.contains("hunter2") && !answer.contains(token) && !answer.contains(&key),
            "{answer}"
        );
    }
    let get = format!("GET /v2/?access_token={token}");
    let nobody = json!({ "kind": "anonymous" });
    // (request, who, what is found)
    let rows = [
        ("pull team/app", nobody.clone(), Value::Null),
        (&*get, nobody.clone(), json!("a token")),
        (
            "pull a",
            json!({ "kind": "user", "name": format!("x {key}") }),
            json!("an API key"),
        ),
        (
            "pull a",
            json!({ "kind": "claims", "claims": { "note": format!("x\n{key}") } }),
            json!("an API key"),
        ),
        (
            "pull a",
            json!({ "kind": "claims", "claims": { "password": "hunter2" } }),
            json!("a password or secret"),
        ),
    ];
    for (words, who, what) in rows {
        let answer = shared(TEXT, "yaml", words, &who);
        assert_eq!(parsed(&answer)["secrets"][0]["what"], what, "{who}");
        assert!(
            !answer.contains("hunter2") && !answer.contains(token) && !answer.contains(&key),
            "{answer}"
        );
    }
    let broken = shared("a: [", "yaml", "", &nobody);
    assert!(broken.contains("cannot be read"), "{broken}");
    // The places of values are found by another reader, which takes less.
    for text in [
        "{\"a\": {\"bindPassword\": \"hunter2\", \"b\": \"\u{7f}\"}}",
        "{\"a\": {\"bindP\\u0061ssword\": \"hunter2\"}}",
    ] {
        let answer = parsed(&shared(text, "json", "", &nobody));
        assert_eq!(answer["secrets"][0]["path"], "a.bindPassword", "{answer}");
    }
}

#[test]
fn ordinary_comments_and_policies_are_no_secrets() {
    for text in [
        "a: 1 # the password is in the store",
        "a: 1 # password:",
        "a: 1 # see https://x.example/#password",
        "a: { message: 'no password: use a token' }",
    ] {
        let answer = shared(text, "yaml", "", &Value::Null);
        assert_eq!(parsed(&answer)["secrets"], json!([]), "{text}");
    }
}

fn shared(text: &str, format: &str, words: &str, who: &Value) -> String {
    let question = json!({ "text": text, "format": format, "words": words, "who": who });
    Workbench::default().secrets(&question.to_string())
}

#[test]
fn bad_input_is_a_line_of_advice() {
    let (workbench, _) = load(TEXT, "yaml");
    let deep = format!("a: {}1{}", "[".repeat(5000), "]".repeat(5000));
    let long = "a".repeat((1 << 20) + 1);
    for (text, message) in [
        (deep.as_str(), ""),
        (long.as_str(), "at most"),
        ("", "is empty"),
        ("intake: { pushKey: { env: A } }", "an intake"),
        ("[1]", "object"),
    ] {
        let (bench, checked) = load(text, "yaml");
        let said = checked["findings"][0]["message"].as_str().unwrap();
        assert!(said.contains(message), "{said}");
        let anonymous = json!({ "kind": "anonymous" });
        let error = decide(&bench, &anonymous, "pull a:1")["error"].clone();
        assert!(error.as_str().unwrap().contains("has errors"), "{error}");
    }
    let secret = "eyJhbGciOiJFZERTQSJ9.eyJzZWNyZXQiOiJ4In0.c2ln";
    let rows = [
        (json!({ "kind": "user", "name": " " }), "no name"),
        (json!({ "kind": "claims", "claims": {} }), "no issuer"),
        (json!({ "kind": "token", "token": "" }), "no token"),
        (
            json!({ "kind": "token", "token": secret, "jwks": "[]" }),
            "no JWKS",
        ),
        (
            json!({ "kind": "token", "token": format!("Basic {secret}") }),
            "only a bearer token",
        ),
        (
            json!({ "kind": "token", "token": "x".repeat(1 << 19) }),
            "longer than",
        ),
        (json!({ "kind": "nobody" }), "malformed"),
    ];
    for (who, message) in rows {
        let answer = decide(&workbench, &who, "pull team/a:v1");
        let error = answer["error"]
            .as_str()
            .unwrap_or_else(|| panic!("{answer}"));
        assert!(error.contains(message) && !error.contains("eyJ"), "{error}");
    }
    let words = decide(&workbench, &json!({ "kind": "anonymous" }), "steal team/a");
    assert!(
        words["error"]
            .as_str()
            .unwrap()
            .contains("write pull, push"),
        "{words}"
    );
}
