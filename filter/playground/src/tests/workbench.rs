//! What the page is answered: steps, places, matrix, tests, certificates.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{NOW, TEXT, decide, load, parsed};

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
fn a_cell_names_a_condition_only_where_one_decides() {
    const RULES: &str = r#"
http:
  auth: {bearer: {realm: r, service: s, oidc: [{issuer: "https://i.example", audiences: [a]}]}}
  accessControl:
    repositories:
      "acme/**":
        policies:
        - {users: [bob], actions: [create], conditions: [{expression: "req.tag == 'x'", message: m}]}
        - {users: [bob], actions: [create, read]}
        - {users: [carl], actions: [create], conditions: [{expression: "req.tag == 'x'", message: m}]}
"#;
    let (workbench, _) = load(RULES, "yaml");
    let wanted = json!({ "callers": "", "repositories": "acme", "now": 0 }).to_string();
    let matrix = parsed(&workbench.matrix(&wanted));
    let of = |name: &str| {
        let callers = matrix["callers"].as_array().unwrap();
        let is_named = |caller: &Value| caller["label"].as_str().unwrap().contains(name);
        let row = callers.iter().position(is_named).unwrap();
        matrix["cells"][row][0].clone()
    };
    assert_eq!(of("bob"), json!(["yes", "yes", "no", "no"]));
    assert_eq!(of("carl"), json!(["no", "fails", "no", "no"]));
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
fn callers_of_tests_are_in_the_matrix_once() {
    let tests = r#"
- { as: { user: ann }, allow: ["pull team/a:v1"] }
- { as: { user: ben, groups: [ops] }, deny: ["pull team/a:v1"] }
- { name: again, as: { user: ben, groups: [ops] }, deny: ["push team/a:v1"] }
- { name: ci, as: { issuer: "https://i.example", claims: { org: acme, sub: ann } }, allow: ["pull team/a:v1"] }
- { as: anonymous, deny: ["pull team/a:v1"] }
"#;
    let (policy, _) = TEXT.split_once("tests:").unwrap();
    let (workbench, checked) = load(&format!("{policy}tests:{tests}"), "yaml");
    assert_eq!(checked["tests"], 5, "{checked}");
    let wanted = json!({ "callers": "", "repositories": "team/a", "now": NOW });
    let matrix = parsed(&workbench.matrix(&wanted.to_string()));
    let callers = matrix["callers"].as_array().unwrap().iter();
    let labels: Vec<_> = callers.map(|caller| caller["label"].clone()).collect();
    assert_eq!(labels[2..], ["user ann", "test: tests[1]", "test: ci"]);
    assert_eq!(matrix["cells"][4][0], json!(["holds", "holds", "no", "no"]));
}

#[test]
fn a_refusal_has_the_nearest_change_as_explain_prints_it() {
    let (workbench, _) = load(TEXT, "yaml");
    let whole = json!({ "iss": "https://i.example", "sub": "ann", "org": "acme", "aud": "x" });
    let rows = [
        (
            json!({ "kind": "user", "name": "ann" }),
            "push team/a:latest",
            "another tag, such as `v1`",
        ),
        (
            json!({ "kind": "user", "name": "ben" }),
            "push team/a:v1",
            "the user `ann`",
        ),
        (
            json!({ "kind": "claims", "claims": whole }),
            "pull team/a:v1",
            "the audience `registry`",
        ),
    ];
    for (who, words, nearest) in rows {
        let question =
            json!({ "who": who, "words": words, "tagExists": false, "now": NOW, "nearest": true });
        let decided = parsed(&workbench.decide(&question.to_string()));
        let all = decided["nearest"].as_array().unwrap();
        assert!(all.iter().any(|one| one == nearest), "{words}: {all:?}");
        let text = decided["text"].as_str().unwrap();
        assert!(text.contains(nearest), "{text}");
    }
}

#[test]
fn a_token_is_not_completed() {
    let token = |claims: Value| {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = part(json!({ "alg": "ES256" }));
        let signature = URL_SAFE_NO_PAD.encode([1; 64]);
        json!({ "kind": "token", "token": format!("{header}.{}.{signature}", part(claims)) })
    };
    let whole = json!({
        "iss": "https://i.example", "sub": "ann", "org": "acme", "aud": "registry",
        "iat": NOW - 1, "exp": NOW + 1,
    });
    let (workbench, _) = load(TEXT, "yaml");
    let decided = decide(&workbench, &token(whole.clone()), "pull team/a:v1");
    assert_eq!(decided["verdict"], "allowed", "{decided:#}");
    assert_eq!(decided["signature"], "notChecked");
    for name in ["iss", "sub", "aud", "iat", "exp"] {
        let mut claims = whole.clone();
        claims.as_object_mut().unwrap().remove(name);
        let decided = decide(&workbench, &token(claims), "pull team/a:v1");
        assert_ne!(decided["verdict"], "allowed", "{name}: {decided:#}");
    }
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
