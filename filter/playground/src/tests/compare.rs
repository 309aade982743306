//! What two configurations give and take.

use serde_json::{Value, json};

use super::{NOW, TEXT, load, parsed};

fn compare(old: &str) -> Value {
    let (workbench, _) = load(TEXT, "yaml");
    let question = json!({ "text": old, "format": "yaml", "now": NOW });
    parsed(&workbench.compare(&question.to_string()))
}

#[test]
fn each_difference_says_what_whose_where_and_shows_it() {
    // (older text, kind, whose, actions, pattern, line, words, before, now)
    let rows = [
        (
            TEXT.replace("[read, create]", "[read, delete]"),
            [
                "added user ann create team/** 15 push team:v1: REFUSED 403 DENIED -> ALLOWED",
                "removed user ann delete team/** 15 delete team:v1: ALLOWED -> REFUSED 403 DENIED",
            ]
            .as_slice(),
        ),
        (
            TEXT.replace(
                "      \"**\":",
                "      \"old/**\": { anonymousPolicy: [read] }\n      \"**\":",
            ),
            &["removed anybody read old/** - pull old:v1: ALLOWED -> REFUSED 401 UNAUTHORIZED"],
        ),
    ];
    for (old, wanted) in rows {
        let found = compare(&old);
        let rights = found["rights"].as_array().unwrap().iter();
        let said = rights.map(|right| {
            let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
            let example = &right["example"];
            let short = |value: &Value| {
                let line = text(value);
                line.split([':', '('])
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .to_owned()
            };
            format!(
                "{} {} {} {} {} {}: {} -> {}",
                text(&right["kind"]),
                text(&right["who"]),
                right["actions"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(text)
                    .collect::<Vec<_>>()
                    .join(" "),
                text(&right["pattern"]),
                right["place"]["line"]
                    .as_u64()
                    .map_or_else(|| "-".to_owned(), |line| line.to_string()),
                text(&example["words"]),
                short(&example["before"]),
                short(&example["now"]),
            )
        });
        assert_eq!(said.collect::<Vec<_>>(), wanted, "{found:#}");
    }
}

#[test]
fn what_is_not_compared_is_said() {
    let found = compare(
        &TEXT
            .replace("'latest'", "'edge'")
            .replace("claims.sub", "claims.org"),
    );
    assert_eq!(found["rights"][0]["kind"], "changed");
    let notes = found["rights"][0]["notes"].to_string();
    assert!(notes.contains("before if req.tag != 'edge'"), "{notes}");
    let settings = found["settings"][0].as_str().unwrap();
    assert!(settings.contains("claimMapping.username"), "{found:#}");
    assert!(
        found["text"]
            .as_str()
            .unwrap()
            .contains("not compared, see replay")
    );
}

#[test]
fn equal_ones_do_not_differ_and_broken_ones_are_not_compared() {
    let found = compare(TEXT);
    assert_eq!(
        (&found["rights"], &found["settings"], &found["text"]),
        (&json!([]), &json!([]), &json!(""))
    );
    let error = compare("http: {")["error"].to_string();
    assert!(error.contains("older"), "{error}");
}
