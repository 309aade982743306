//! The samples of the page decide as their texts say.

use std::fs;
use std::path::Path;

use crate::Workbench;
use serde_json::{Value, json};

const NOW: i64 = 1_800_000_000;

fn ask(answer: &str) -> Value {
    let value: Value = serde_json::from_str(answer).unwrap();
    assert_eq!(value["error"], Value::Null, "{value}");
    value
}

#[test]
fn every_sample_decides_as_its_text_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let list = fs::read_to_string(folder.join("samples.json")).unwrap();
    let list: Vec<Value> = serde_json::from_str(&list).unwrap();
    assert_eq!(list.len(), 5);
    for sample in list {
        let id = &sample["id"];
        let text = fs::read_to_string(folder.join(sample["file"].as_str().unwrap())).unwrap();
        let mut workbench = Workbench::default();
        let load = json!({ "text": text, "format": sample["format"] });
        let checked = ask(&workbench.load(&load.to_string()));
        assert_eq!(checked["ready"], true, "{id}: {checked}");
        let check = json!({ "text": text, "format": sample["format"], "now": NOW });
        assert_eq!(
            ask(&workbench.check(&check.to_string()))["findings"],
            json!([]),
            "{id}"
        );
        let shared = json!({ "text": text, "format": sample["format"], "words": "", "who": null });
        let found = ask(&workbench.secrets(&shared.to_string()));
        assert_eq!(found["secrets"], json!([]), "{id}");
        for story in sample["stories"].as_array().unwrap() {
            let question = json!({
                "who": story["who"], "words": story["words"], "tagExists": story["tagExists"], "now": NOW,
            });
            let decided = ask(&workbench.decide(&question.to_string()));
            let headline = decided["headline"].as_str().unwrap();
            assert_eq!(decided["verdict"], story["verdict"], "{id}: {decided:#}");
            let says = story["says"].as_str().unwrap();
            assert!(headline.contains(says), "{id}: {headline}");
        }
        let tests = ask(&workbench.tests(&json!({ "now": NOW }).to_string()));
        assert_eq!(tests["percent"], 100, "{id}: {:#}", tests["coverage"]);
        for test in tests["tests"].as_array().unwrap() {
            assert_eq!(test["failures"], json!([]), "{id}");
        }
    }
}
