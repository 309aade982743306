//! Tests of the workbench as the page uses it.

mod compare;
mod findings;
mod input;
mod samples;
mod workbench;
mod yaml;

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
