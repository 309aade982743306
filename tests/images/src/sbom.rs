//! The bills of materials are valid CycloneDX, and name what is linked.

use serde_json::Value;

use crate::layouts::{Layout, NAMES};
use crate::programs::{succeed, tool};

const VALIDATE: &str = "import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
sys.exit(str(error)[:2000] if error else 0)";

#[test]
fn bills_of_materials_are_valid_and_complete() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in NAMES {
        let layout = Layout::read(name);
        let digest = layout.referrers.first().expect("a referrer");
        let manifest = layout.json(&serde_json::json!({"digest": digest}));
        let text = layout.blob(&manifest["layers"][0]);
        let file = folder.path().join(name);
        std::fs::write(&file, &text).expect("a file");
        succeed(
            tool("venv-chart/bin/python")
                .args(["-c", VALIDATE])
                .arg(&file),
        );
        let document: Value = serde_json::from_slice(&text).expect("JSON");
        let components = document["components"].as_array().expect("components");
        let crates: Vec<&Value> = components
            .iter()
            .filter(|each| {
                each["purl"]
                    .as_str()
                    .is_some_and(|url| url.starts_with("pkg:cargo/"))
            })
            .collect();
        let has = |wanted: &str| components.iter().any(|each| each["name"] == wanted);
        assert!(has("registry-auth-engine") && has("serde_json"), "{name}");
        assert!(!has("proptest"), "{name}: what only tests use is in it");
        assert_eq!(has("ca-certificates"), name == "registry-auth", "{name}");
        assert_eq!(has("tokio"), name == "registry-auth", "{name}");
        for each in crates {
            assert!(
                each["licenses"][0]["expression"].is_string(),
                "{}",
                each["name"]
            );
        }
    }
}
