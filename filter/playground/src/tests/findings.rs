//! What is wrong with a configuration.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::Workbench;

use super::{NOW, load, parsed};

fn check(text: &str, format: &str) -> Value {
    let question = json!({ "text": text, "format": format, "now": NOW });
    parsed(&Workbench::default().check(&question.to_string()))
}

fn format_of(file: &str) -> &'static str {
    let is_json = Path::new(file)
        .extension()
        .is_some_and(|ending| ending == "json");
    if is_json { "json" } else { "yaml" }
}

#[test]
fn errors_have_their_place() {
    let rows = [
        (
            "http: {\n  acessControl: {}\n}",
            "yaml",
            2,
            "unknown-key",
            "accessControl",
        ),
        (
            "{ \"http\": {\n\t\"acessControl\": {} } }",
            "json",
            2,
            "unknown-key",
            "accessControl",
        ),
        (
            "http:\n  accessControl:\n    repositories:\n      a/**: { defaultPolicy: [reed] }",
            "yaml",
            4,
            "unknown-action",
            "reed",
        ),
        ("http:\n a: 1\n b: {", "yaml", 3, "not-closed", ""),
        ("http:\n  a: 1\n  a: 2", "yaml", 3, "duplicate-key", "twice"),
        ("{\n \"http\": ]", "json", 1, "not-closed", "closed by"),
        (
            "{\n \"http\": 1,\n \"http\": 2}",
            "json",
            3,
            "duplicate-key",
            "twice",
        ),
        (
            "apiVersion: v1\nkind: Secret",
            "yaml",
            1,
            "invalid",
            "Kubernetes",
        ),
    ];
    for (text, format, line, id, message) in rows {
        let (_, checked) = load(text, format);
        assert_eq!(checked["ready"], false, "{text}");
        for answer in [checked, check(text, format)] {
            let mut findings = answer["findings"].as_array().unwrap().iter();
            let finding = findings.find(|finding| finding["id"] == id);
            let finding = finding.unwrap_or_else(|| panic!("{text}: {answer:#}"));
            let found = finding["place"]["line"].as_u64().unwrap_or(1);
            assert_eq!(found, line, "{text}: {answer:#}");
            let said = finding["message"].as_str().unwrap();
            assert!(said.contains(message), "{text}: {said}");
            let link = finding["link"].as_str().unwrap();
            assert!(link.ends_with(&format!("docs/lints.md#{id}")), "{link}");
        }
    }
}

/// A row for `check --for filter`: the page reads the file as `check` does without this option, and
/// finds nothing.
const FOR_FILTER: &str = "no-upstream.json";

#[test]
fn the_mistakes_are_found_as_the_program_finds_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/mistakes");
    let wanted = fs::read_to_string(folder.join("wanted.tsv")).unwrap();
    let mut count = 0;
    let mut wrong = Vec::new();
    for row in wanted.lines().filter(|row| !row.starts_with('#')) {
        let [file, level, id, line, part, arguments] = row.split('\t').collect::<Vec<_>>()[..]
        else {
            panic!("{row}")
        };
        let text = fs::read(folder.join(file)).unwrap();
        let Ok(text) = String::from_utf8(text) else {
            continue;
        };
        if arguments.contains("--envoy") || file == FOR_FILTER {
            continue;
        }
        count += 1;
        let format = format_of(file);
        let answer = check(&text, format);
        let found = answer["findings"].as_array().unwrap();
        let is_wanted = |finding: &Value| {
            let said = format!("{} {}", finding["message"], finding["write"]);
            finding["level"] == level
                && finding["id"] == id
                && finding["place"]["line"].as_u64().unwrap_or(1).to_string() == line
                && said.replace("\\\"", "\"").contains(part)
        };
        if !found.iter().any(is_wanted) {
            wrong.push(format!("{row}: {found:?}"));
        }
    }
    assert!(count > 150, "{count}");
    assert!(
        wrong.is_empty(),
        "{} of {count}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = [
        "tests/mistakes/good-github.yaml",
        "tests/mistakes/good-filter.json",
        "tests/mistakes/good-people.yaml",
    ];
    for file in files {
        let text = fs::read_to_string(folder.join("../..").join(file)).unwrap();
        let format = format_of(file);
        assert_eq!(check(&text, format)["findings"], json!([]), "{file}");
    }
}
