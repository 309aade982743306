//! What the page is answered: places, findings, matrix, tests, differences, secrets, and bad input.

use std::fmt::Write as _;

use crate::Workbench;
use serde_json::{Value, json};

const NOW: i64 = 1_800_000_000;

const TEXT: &str = r#"http:
  auth:
    bearer:
      realm: registry
      service: registry.example.com
      oidc:
      - issuer: https://i.example
        audiences: [registry]
        claimMapping:
          validations:
          - { expression: "claims.org == 'acme'", message: not of acme }
          username: claims.sub
  accessControl:
    repositories:
      "team/**":
        policies:
        - users: [ann]
          actions: [read, create]
          conditions:
          - expression: req.tag != 'latest'
            message: not latest
      "**": { defaultPolicy: [read] }
tests:
- { name: ann, as: { user: ann }, allow: ["push team/a:v1"], deny: ["delete team/a:v1"] }
"#;

fn parsed(answer: &str) -> Value {
    serde_json::from_str(answer).unwrap()
}

fn load(text: &str, format: &str) -> (Workbench, Value) {
    let mut workbench = Workbench::default();
    let question = json!({ "text": text, "format": format });
    let checked = parsed(&workbench.load(&question.to_string()));
    (workbench, checked)
}

fn decide(workbench: &Workbench, who: &Value, words: &str) -> Value {
    let question = json!({ "who": who, "words": words, "now": NOW });
    parsed(&workbench.decide(&question.to_string()))
}

/// The first step of a kind that has a mark: its title, its code, its line.
fn step(decided: &Value, kind: &str, mark: &str) -> (String, Value, Value) {
    let deciding = usize::try_from(decided["deciding"].as_u64().unwrap()).unwrap();
    let steps = decided["requests"][deciding]["steps"].as_array().unwrap();
    let found = steps
        .iter()
        .find(|step| step["kind"] == kind && step["mark"] == mark);
    let found = found.unwrap_or_else(|| panic!("no {kind} {mark}: {steps:#?}"));
    let title = found["title"].as_str().unwrap().to_owned();
    (title, found["code"].clone(), found["place"]["line"].clone())
}

#[test]
fn each_step_has_its_line() {
    let (workbench, checked) = load(TEXT, "yaml");
    assert_eq!(checked["ready"], true, "{checked}");
    let ann = json!({ "kind": "user", "name": "ann" });
    let decided = decide(&workbench, &ann, "push team/a:latest");
    assert_eq!(decided["headline"], "REFUSED 403 DENIED: not latest");
    let rows = [
        (
            "condition",
            "no",
            "condition is false",
            json!("req.tag != 'latest'"),
            20,
        ),
        (
            "pattern",
            "info",
            "the longest pattern decides",
            json!("team/**"),
            15,
        ),
        (
            "hidden",
            "skip",
            "matches too, and does not count",
            json!("**"),
            22,
        ),
        (
            "rule",
            "no",
            "policies[0] would grant it, but for its condition",
            Value::Null,
            17,
        ),
    ];
    for (kind, mark, title, code, line) in rows {
        assert_eq!(
            step(&decided, kind, mark),
            (title.to_owned(), code, json!(line)),
            "{kind}"
        );
    }
    let claims =
        json!({ "kind": "claims", "claims": { "iss": "https://i.example", "org": "other" } });
    let decided = decide(&workbench, &claims, "pull team/a:v1");
    assert_eq!(decided["requests"][0]["status"], 401);
    let (title, _, line) = step(&decided, "expression", "no");
    assert_eq!((title.as_str(), line), ("validation is false", json!(11)));
    let (title, _, line) = step(&decided, "provider", "no");
    assert_eq!(line, json!(7), "{title}");
}

#[test]
fn the_answer_is_that_of_the_client() {
    let (workbench, _) = load(TEXT, "yaml");
    let decided = decide(
        &workbench,
        &json!({ "kind": "anonymous" }),
        "pull team/a:v1",
    );
    let answered = &decided["requests"][0];
    assert_eq!(answered["status"], 401);
    let headers = answered["headers"].to_string();
    assert!(
        headers.contains(r#"["www-authenticate","Basic realm=\"registry\""]"#),
        "{headers}"
    );
    let body = answered["body"].as_str().unwrap();
    assert!(
        body.contains("UNAUTHORIZED") && body.contains("repository:team/a:pull"),
        "{body}"
    );
}

#[test]
fn findings_have_their_place() {
    let rows = [
        ("http: {\n  acessControl: {}\n}", "yaml", 2, "accessControl"),
        (
            "{ \"http\": {\n\t\"acessControl\": {} } }",
            "json",
            2,
            "accessControl",
        ),
        (
            "http:\n  accessControl:\n    repositories:\n      a/**: { defaultPolicy: [reed] }",
            "yaml",
            4,
            "reed",
        ),
        ("http:\n a: 1\n b: {", "yaml", 3, "not valid YAML"),
        ("http:\n  a: 1\n  a: 2", "yaml", 3, "duplicate"),
        ("{\n \"http\": ]", "json", 2, "not valid JSON"),
        (
            "{\n \"http\": 1,\n \"http\": 2}",
            "json",
            3,
            "duplicate key",
        ),
    ];
    for (text, format, line, message) in rows {
        let (_, checked) = load(text, format);
        assert_eq!(checked["ready"], false, "{text}");
        let finding = &checked["findings"][0];
        assert_eq!(finding["place"]["line"], line, "{text}: {checked:#}");
        let said = finding["message"].as_str().unwrap();
        assert!(said.contains(message), "{text}: {said}");
    }
}

#[test]
fn coverage_has_its_lines() {
    let (workbench, _) = load(TEXT, "yaml");
    let tests = parsed(&workbench.tests(&json!({ "now": NOW }).to_string()));
    assert_eq!(tests["tests"][0]["failures"], json!([]), "{tests:#}");
    assert_eq!(tests["tests"][0]["place"]["line"], 24);
    let unit = |name: &str, missing: Value| {
        let units = tests["coverage"].as_array().unwrap();
        let found = units
            .iter()
            .find(|unit| unit["name"] == name && unit["missing"] == missing);
        found.unwrap_or_else(|| panic!("{name} {missing}: {units:#?}"))["place"]["line"].clone()
    };
    assert_eq!(unit("team/**", Value::Null), 15);
    assert_eq!(unit("team/** policies[0]", Value::Null), 17);
    assert_eq!(
        unit("team/** policies[0].conditions[0]", json!("never false")),
        20
    );
    assert_eq!(unit("**", json!("no request reached it")), 22);
    assert_eq!(
        unit(
            "bearer.oidc[0].claimMapping.validations[0]",
            json!("never true")
        ),
        11
    );
}

#[test]
fn the_matrix_says_what_is_decided() {
    let (workbench, _) = load(TEXT, "yaml");
    let ask = |repositories: &str| {
        let wanted = json!({ "callers": "", "repositories": repositories, "now": NOW });
        parsed(&workbench.matrix(&wanted.to_string()))
    };
    let matrix = ask("");
    assert_eq!(matrix["repositories"], json!(["team/a", "team/x", "x"]));
    let labels: Vec<_> = matrix["callers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|caller| caller["label"].clone())
        .collect();
    assert_eq!(
        labels,
        [
            "anybody, without a credential",
            "everybody with a credential",
            "user ann"
        ]
    );
    assert_eq!(matrix["cells"][2][0], json!(["holds", "holds", "no", "no"]));
    assert_eq!(matrix["cells"][1][2], json!(["yes", "no", "no", "no"]));
    assert_eq!(matrix["cells"][0][2], json!(["no", "no", "no", "no"]));
    assert_eq!(ask("other/y")["repositories"], json!(["other/y"]));
    assert_eq!(ask("Not A Name")["repositories"], json!([]));
}

#[test]
fn differences_are_found_at_the_names_of_both() {
    let (workbench, _) = load(TEXT, "yaml");
    let compare = |old: &str| {
        let question = json!({ "text": old, "format": "yaml", "now": NOW });
        parsed(&workbench.compare(&question.to_string()))
    };
    let same = compare(TEXT);
    assert_eq!((&same["added"], &same["removed"]), (&json!([]), &json!([])));
    let old = TEXT.replace("[read, create]", "[read, delete]");
    let found = compare(&old);
    let shown = |list: &Value| {
        let list = list.as_array().unwrap().iter();
        list.map(|entry| {
            format!(
                "{} {} {}",
                entry["caller"], entry["actions"], entry["words"]
            )
        })
        .collect::<Vec<_>>()
        .join("; ")
    };
    assert_eq!(
        shown(&found["added"]),
        r#""user ann" ["create"] "PUT /v2/team/a/manifests/v1"; "user ann" ["create"] "PUT /v2/team/x/manifests/v1""#
    );
    assert_eq!(
        shown(&found["removed"]),
        r#""user ann" ["delete"] "DELETE /v2/team/a/manifests/v1"; "user ann" ["delete"] "DELETE /v2/team/x/manifests/v1""#
    );
    assert!(
        compare("http: {")["error"]
            .as_str()
            .unwrap()
            .contains("older")
    );
}

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
    ];
    for (text, path) in rows {
        let (workbench, _) = load(&text, "yaml");
        let answer = workbench.secrets();
        let found = parsed(&answer);
        assert_eq!(found["secrets"][0]["path"], path, "{text}: {found}");
        assert!(
            !answer.contains("hunter2") && !answer.contains(token) && !answer.contains(&key),
            "{answer}"
        );
    }
    let (workbench, _) = load(TEXT, "yaml");
    assert_eq!(parsed(&workbench.secrets())["secrets"], json!([]));
    let (workbench, _) = load("a: [", "yaml");
    assert!(
        parsed(&workbench.secrets())["error"]
            .as_str()
            .unwrap()
            .contains("cannot be read")
    );
}

#[test]
fn bad_input_is_a_line_of_advice() {
    let (workbench, _) = load(TEXT, "yaml");
    let deep = format!("a: {}1{}", "[".repeat(5000), "]".repeat(5000));
    let long = "a".repeat((1 << 20) + 1);
    for (text, message) in [
        (deep.as_str(), "not valid YAML"),
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

#[test]
fn a_certificate_names_its_user() {
    let text = r"
http:
  auth: { mtls: { identityAttributes: [URI, CommonName] } }
  accessControl: { repositories: { 'team/**': { policies: [{ users: [ann, 'spiffe://x/ci'], actions: [read] }] } } }
";
    let (workbench, checked) = load(text, "yaml");
    assert_eq!(checked["certificates"], true, "{checked}");
    let rows = [
        (
            json!({ "kind": "certificate", "commonName": "ann" }),
            "allowed",
            "ann",
        ),
        (
            json!({ "kind": "certificate", "commonName": "ann", "uri": "spiffe://x/ci" }),
            "allowed",
            "spiffe://x/ci",
        ),
        (
            json!({ "kind": "certificate", "commonName": "eve, CN=ann" }),
            "refused",
            "eve, CN=ann",
        ),
    ];
    for (who, verdict, user) in rows {
        let decided = decide(&workbench, &who, "pull team/a:v1");
        assert_eq!(decided["verdict"], verdict, "{decided:#}");
        assert_eq!(decided["user"], user, "{who}");
    }
}

/// Not measured, but too slow to pass by chance if something is quadratic.
#[test]
fn a_thousand_patterns_are_read_and_asked() {
    let mut text = String::from("http:\n  accessControl:\n    repositories:\n");
    for index in 0..1000 {
        writeln!(
            text,
            "      \"team{index}/**\": {{ policies: [{{ users: [u{index}], actions: [read] }}] }}"
        )
        .unwrap();
    }
    text.push_str("  auth: { mtls: {} }\n");
    let (workbench, checked) = load(&text, "yaml");
    assert_eq!(checked["patterns"], 1000, "{checked}");
    let user = json!({ "kind": "user", "name": "u500" });
    assert_eq!(
        decide(&workbench, &user, "pull team500/a:v1")["verdict"],
        "allowed"
    );
    let matrix = parsed(
        &workbench
            .matrix(&json!({ "callers": "u9", "repositories": "team9", "now": NOW }).to_string()),
    );
    assert_eq!(matrix["leftOut"], json!([71, 71]));
}
