//! How documents are read, in YAML above all.

use super::*;

#[test]
fn yaml_becomes_the_same_json() {
    let text = "http:\n  realm: registry\n  auth:\n    failDelay: 0\n    bearer:\n      oidc:\n        - issuer: https://i\n          skipIssuerVerification: false\n";
    let json = r#"{"http":{"realm":"registry","auth":{"failDelay":0,"bearer":{"oidc":[{"issuer":"https://i","skipIssuerVerification":false}]}}}}"#;
    let read = yaml::parse(text.as_bytes()).unwrap();
    assert_eq!(read, json::parse(json.as_bytes()).unwrap());
}

#[test]
fn bad_yaml_names_its_place_and_no_value() {
    let rows = [
        "a: [1",
        "a: 1\na: tops3cret",
        "a: 'tops3cret",
        "- a\nb: tops3cret",
        "a: 1\n---\nb: 2",
        "{a: 1}: tops3cret",
    ];
    for text in rows {
        let message = yaml::parse(text.as_bytes()).unwrap_err();
        assert!(
            message.starts_with("not valid YAML at line "),
            "{text}: {message}"
        );
        assert!(!message.contains("tops3cret"), "{message}");
    }
    assert!(yaml::parse(b"\xff").is_err());
}

/// Returns the errors of a YAML document.
fn said(yaml: &str) -> Vec<String> {
    match yaml::parse(yaml.as_bytes()) {
        Ok(value) => Configuration::checked(value)
            .errors()
            .iter()
            .map(ToString::to_string)
            .collect(),
        Err(message) => vec![message],
    }
}

const HTTP: &str = "http:\n  auth:\n    bearer:\n      cert: /no/such/file\n      audiences: [a]\n";

/// No form of null, and no form of a duplicate key, may drop a section silently.
#[test]
fn a_section_that_says_nothing_in_yaml_is_refused() {
    let control = "http.accessControl: is null";
    let rows = [
        ("  accessControl:\n", control),
        ("  accessControl: ~\n", control),
        ("  accessControl: null\n", control),
        ("  accessControl: !!null ''\n", control),
        ("  accessControl: # later\n", control),
        ("  accessControl: &x\n", control),
        ("  accesscontrol:\n", control),
        ("  accessControl:\n\n# accessControl: {}\n", control),
        (
            "  accessControl:\n    repositories:\n",
            "http.accessControl.repositories: is null",
        ),
        (
            "  accessControl:\n    repositories:\n      a/**:\n",
            "http.accessControl.repositories[\"a/**\"]: is null",
        ),
        (
            "  accessControl:\n    adminPolicy:\n",
            "http.accessControl.adminPolicy: is null",
        ),
        (
            "  accessControl: ''\n",
            "http.accessControl: must be an object, not a string",
        ),
        (
            "  accessControl: []\n",
            "http.accessControl: must be an object, not a list",
        ),
        (
            "  accessControl: off\n",
            "http.accessControl: must be an object, not a string",
        ),
        ("  accessControl: !!str {}\n", "not valid YAML"),
        ("  accessControl: !reset {}\n", "not valid YAML"),
        ("  accessControl: !include policy.yaml\n", "not valid YAML"),
        (
            "  accessControl: {}\n  accessControl: {}\n",
            "not valid YAML",
        ),
        (
            "  accessControl: {}\n  'accessControl': {}\n",
            "not valid YAML",
        ),
        (
            "  accessControl: {}\n  \"access\\u0043ontrol\": {}\n",
            "not valid YAML",
        ),
        (
            "  accessControl: {}\n  accesscontrol:\n",
            "http.accesscontrol: duplicate key",
        ),
        ("  accesControl: {}\n", "did you mean `accessControl`"),
        ("accessControl: {}\n", "did you mean `http.accessControl`"),
        ("  - accessControl: {}\n", "not valid YAML"),
        (
            "  accessControl: {repositories: {11: {}, '11': {}}}\n",
            "not valid YAML",
        ),
        (
            "  accessControl: {repositories: {~: {}}}\n",
            "not valid YAML",
        ),
        ("  ? [accessControl]\n  : {}\n", "not valid YAML"),
        ("  <<: {accessControl: }\n", control),
        (
            "  <<: {accessControl: {}, accessControl: {repositories: {}}}\n",
            "not valid YAML",
        ),
        (
            "  <<: [{accessControl: {}}, {accesscontrol: {}}]\n",
            "duplicate key",
        ),
        ("---\nhttp: {}\n", "not valid YAML"),
        ("...\n---\nhttp: {}\n", "not valid YAML"),
        ("  accessControl: {policies: }\n", "did you mean"),
    ];
    for (rest, message) in rows {
        let said = said(&format!("{HTTP}{rest}"));
        assert!(
            said.iter().any(|line| line.contains(message)),
            "{rest:?} ({message}): {said:#?}"
        );
    }
    for (empty, message) in [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("~\n", "is empty"),
        ("---\n", "is empty"),
        ("---\n...\n", "is empty"),
        ("{}\n", "who may do what"),
        ("http:\n", "http: is null"),
        ("[]\n", "must be an object"),
        ("http\n", "must be an object"),
        ("intake:\n", "intake: is null"),
        ("\u{feff}http:\n", "http: is null"),
    ] {
        let said = said(empty);
        assert!(
            said.iter().any(|line| line.contains(message)),
            "{empty:?} ({message}): {said:#?}"
        );
    }
}

#[test]
fn what_yaml_has_beside_json_is_read_as_zot_reads_it() {
    let rows = [
        ("a: &x [b]\nc: *x\n", r#"{"a": ["b"], "c": ["b"]}"#),
        (
            "a: &x {b: 1}\nc: {<<: *x, d: 2}\n",
            r#"{"a": {"b": 1}, "c": {"b": 1, "d": 2}}"#,
        ),
        (
            "a: &x {b: 1}\nc: {<<: *x, b: 2}\n",
            r#"{"a": {"b": 1}, "c": {"b": 2}}"#,
        ),
        (
            "a: yes\nb: on\nc: true\n",
            r#"{"a": "yes", "b": "on", "c": true}"#,
        ),
        (
            "a: !!str 1\nb: '~'\nc: \"null\"\n",
            r#"{"a": "1", "b": "~", "c": "null"}"#,
        ),
        ("a: |\n  b\n  c\n", r#"{"a": "b\nc\n"}"#),
        ("1: a\n", r#"{"1": "a"}"#),
    ];
    for (yaml, json) in rows {
        assert_eq!(
            yaml::parse(yaml.as_bytes()).unwrap(),
            json::parse(json.as_bytes()).unwrap(),
            "{yaml}"
        );
    }
}

#[test]
fn yaml_that_grows_without_bound_is_refused() {
    let line = |level: u32, items: String| format!("a{level}: &a{level} [{items}]\n");
    let grows = |level| line(level, vec![format!("*a{}", level - 1); 10].join(", "));
    let text: String = std::iter::once(line(0, "x, x".to_owned()))
        .chain((1..10).map(grows))
        .collect();
    assert!(yaml::parse(text.as_bytes()).is_err());
}
